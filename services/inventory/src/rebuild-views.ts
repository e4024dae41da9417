import { rebuildView } from "@throughline/event-store";
import { openDatabase, parseConfig } from "@throughline/service";
import { stocks } from "./stock.ts";
import { stockView } from "./views.ts";

// A command for a person: builds the table for reading anew from what happened, while the service runs.
await using database = await openDatabase(parseConfig({ service: "inventory", port: 14_003 }));
const { removed, added } = await rebuildView(database.handle, stocks, stockView);
console.log(`${stockView.table}: ${removed} rows removed, ${added} added`);
