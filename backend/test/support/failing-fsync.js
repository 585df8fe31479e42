// Loaded into a real process by NODE_OPTIONS=--require: while the file that FAIL_FSYNC_WHILE names is there, every COMMIT fails as
// SQLite's does when fsync fails (https://sqlite.org/rescode.html#ioerr_fsync). No disk here can be made to do so.
const { existsSync } = require('node:fs');
const Module = require('node:module');

const SQLITE_IOERR_FSYNC = 1034;
const trigger = process.env.FAIL_FSYNC_WHILE;

function withFailingFsync(driver) {
  return {
    DatabaseSync: function (...options) {
      const database = new driver.DatabaseSync(...options);
      const prepare = database.prepare.bind(database);
      const prepareFailing = (sql) => {
        const statement = prepare(sql);
        if (sql !== 'COMMIT') return statement;
        const run = () => {
          if (existsSync(trigger)) throw Object.assign(new Error('disk I/O error'), { errcode: SQLITE_IOERR_FSYNC });
          return statement.run();
        };
        return { run };
      };
      return Object.defineProperty(database, 'prepare', { value: prepareFailing });
    },
  };
}

const load = Module._load;
Module._load = function (request, ...rest) {
  const loaded = load.call(this, request, ...rest);
  return request === '@photostructure/sqlite' ? withFailingFsync(loaded) : loaded;
};
const getBuiltin = process.getBuiltinModule;
process.getBuiltinModule = (name) => (name === 'node:sqlite' ? withFailingFsync(getBuiltin(name)) : getBuiltin(name));
