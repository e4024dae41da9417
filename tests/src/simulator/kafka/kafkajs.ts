/** Stands in for `kafkajs`: the client library as its users see it, in front of a simulated cluster. */
import { AssignerProtocol, logLevel, Partitioners } from "kafkajs";
import { createAdmin } from "./admin.ts";
import { type ConsumerSettings, createConsumer } from "./consumer.ts";
import { createProducer, type ProducerSettings } from "./producer.ts";

export { AssignerProtocol, logLevel, Partitioners };

export class Kafka {
  admin() {
    return createAdmin();
  }

  producer(settings: ProducerSettings) {
    return createProducer(settings);
  }

  consumer(settings: ConsumerSettings) {
    return createConsumer(settings);
  }
}
