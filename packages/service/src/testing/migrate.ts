import { openDatabase } from "../database.ts";
import { migrate } from "../migrate.ts";

const [databaseUrl = "", name = "", folder = ""] = process.argv.slice(2);
const config = { service: "test", logLevel: "warn", databaseUrl, databasePoolSize: 1, handlerTimeoutMs: 100 };
await using database = await openDatabase(config);
await migrate(database, [{ name, folder }]);
