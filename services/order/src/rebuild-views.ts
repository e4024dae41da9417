import { rebuildView } from "@throughline/event-store";
import { openDatabase, parseConfig } from "@throughline/service";
import { orders } from "./order.ts";
import { orderView } from "./views.ts";

// A command for a person: builds the table for reading anew from what happened, while the service runs.
await using database = await openDatabase(parseConfig({ service: "order", port: 14_001 }));
const { removed, added } = await rebuildView(database.handle, orders, orderView);
console.log(`${orderView.table}: ${removed} rows removed, ${added} added`);
