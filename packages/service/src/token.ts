import { userInfo } from "node:os";
import { issueDevelopmentToken } from "./development-key.ts";

/**
 * `node token.ts operator` prints a token of the development issuer, good for 12 hours on this machine; so do `viewer`,
 * and any other word, which is then the id of a customer. DEVELOPMENT_KEY_FILE says where the key is.
 */
const who = process.argv[2] ?? "operator";
const keyFile = process.env.DEVELOPMENT_KEY_FILE;
if (!keyFile) throw new Error("DEVELOPMENT_KEY_FILE: is not set. Expected the file of the development issuer's key");
const isRole = ["operator", "viewer"].includes(who);
const holder = isRole ? { subject: userInfo().username, roles: [who] } : { subject: who, roles: [] };
console.log(await issueDevelopmentToken(keyFile, holder));
