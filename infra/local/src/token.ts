import { issueToken, signInLink } from "./development-token.ts";

/**
 * `npm run token`: a token for what `npm start` runs, alone on stdout; `-- viewer` and `-- c-1` are those of a viewer and a
 * customer.
 */
const who = process.argv[2] ?? "operator";
const token = await issueToken(who);
console.log(token);
if (["operator", "viewer"].includes(who)) console.error(signInLink(token));
