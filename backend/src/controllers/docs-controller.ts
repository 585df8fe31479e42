import type { Request, Response } from 'express';

export interface DocsControllerParts {
  /** The OpenAPI document; asked for once, at the first request. */
  readonly document: () => object;
  readonly page: (document: object) => string;
  readonly style: string;
}

/** HTTP for the description of the API: as a document, and as a page for people. */
export class DocsController {
  private made: { readonly text: string; readonly page: string } | null = null;

  constructor(private readonly parts: DocsControllerParts) {}

  readonly getDocument = (_request: Request, response: Response): void => {
    response.type('application/json').send(this.make().text);
  };

  readonly getPage = (request: Request, response: Response): void => {
    // From `/docs/` the relative links of the page would lead one level too deep.
    if (request.path.endsWith('/')) return response.redirect('../docs');
    response.type('html').send(this.make().page);
  };

  readonly getStyle = (_request: Request, response: Response): void => {
    response.type('css').send(this.parts.style);
  };

  private make(): { readonly text: string; readonly page: string } {
    if (this.made === null) {
      const document = this.parts.document();
      this.made = { text: JSON.stringify(document), page: this.parts.page(document) };
    }
    return this.made;
  }
}
