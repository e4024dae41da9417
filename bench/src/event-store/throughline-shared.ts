/** Commands of one moment share a transaction, as in the services. */
import { shareTransactions } from "@throughline/log";
import { measureWith } from "./throughline.ts";

export const measure = measureWith((database) => shareTransactions(database));
