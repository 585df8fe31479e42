import { describeEventStoreContract, describeEventStoreLists } from './event-store-contract';
import { openStore, removeFiles } from './sqlite-files';

afterEach(removeFiles);

describeEventStoreContract('SqliteEventStore', (options) => openStore(options));
describeEventStoreLists('SqliteEventStore with pages cut short', () => openStore({ listWalkRows: 7 }));
