import { openDatabase } from "../database.ts";
import { migrate } from "../migrate.ts";

const [databaseUrl = "", name = "", folder = ""] = process.argv.slice(2);
await using database = await openDatabase({ service: "test", logLevel: "warn", databaseUrl, databasePoolSize: 1 });
await migrate(database, [{ name, folder }]);
