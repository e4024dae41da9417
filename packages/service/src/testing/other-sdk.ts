/** A preload that is not ours: spans are made, and that is all. */
import { NodeSDK } from "@opentelemetry/sdk-node";

new NodeSDK().start();
