import { rebuildView } from "@throughline/event-store";
import { openDatabase, parseConfig } from "@throughline/service";
import { payments } from "./payment.ts";
import { paymentView } from "./views.ts";

// A command for a person: builds the table for reading anew from what happened, while the service runs.
await using database = await openDatabase(parseConfig({ service: "billing", port: 14_002 }));
const { removed, added } = await rebuildView(database.handle, payments, paymentView);
console.log(`${paymentView.table}: ${removed} rows removed, ${added} added`);
