import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';

import { OpenAnswers } from './http-server';

const answer = (): ServerResponse => new ServerResponse(new IncomingMessage(new Socket()));

describe('OpenAnswers', () => {
  it('holds each answer until it is taken away, in whatever order that happens', () => {
    const open = new OpenAnswers();
    const [a, b, c, d, e] = [answer(), answer(), answer(), answer(), answer()];
    const [removeA, removeB, removeC, removeD] = [a, b, c, d].map((response) => open.add(response)) as [
      () => void,
      () => void,
      () => void,
      () => void,
    ];
    const held = () => [open.count, new Set(open.all())];
    expect(held()).toEqual([4, new Set([a, b, c, d])]);
    removeB();
    expect(held()).toEqual([3, new Set([a, c, d])]);
    // It has taken the place of b.
    removeD();
    expect(held()).toEqual([2, new Set([a, c])]);
    const removeE = open.add(e);
    removeA();
    removeC();
    expect(held()).toEqual([1, new Set([e])]);
    removeE();
    expect(held()).toEqual([0, new Set()]);
  });
});
