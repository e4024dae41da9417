"""A stranger with pika, who knows the names on RabbitMQ and nothing of the code here.

    rabbitmq.py URL publish EXCHANGE KEY    the envelope that stdin has as JSON, with no more than that
    rabbitmq.py URL publish-all EXCHANGE KEY    the same, with every property and a header of every type
    rabbitmq.py URL take QUEUE              waits for one message, takes it off the queue, and prints it as JSON
"""
import datetime
import decimal
import json
import sys
import time

import pika

headers = {
    "text": "Grüße",
    "yes": True,
    "small": 7,
    "negative": -70_000,
    "big": 2**40,
    "money": decimal.Decimal("19.99"),
    "moment": datetime.datetime(2026, 11, 1, 10, 0, 0),
    "bytes": b"\x00\x80\xff",
    "nothing": None,
    "list": ["a", 1, {"deep": True}],
    "table": {"a": {"b": "c"}},
    "traceparent": b"no text",
    "sentAt": {"no": "time"},
}
properties = {
    "content_type": "application/json",
    "content_encoding": "utf-8",
    "message_id": "message-1",
    "correlation_id": "correlation-1",
    "app_id": "stranger",
    "type": "a type of mine",
    "timestamp": 1_793_527_200,
    "priority": 3,
    "reply_to": "nobody",
    "delivery_mode": 2,
}


def main(url, verb, *place):
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    if verb == "take":
        take(channel, *place)
    else:
        more = {**properties, "headers": headers} if verb == "publish-all" else {}
        channel.confirm_delivery()
        body = json.dumps(json.load(sys.stdin), indent=2)
        channel.basic_publish(*place, body, pika.BasicProperties(**more), mandatory=True)
    connection.close()


def take(channel, queue):
    method = None
    while method is None:
        method, found, body = channel.basic_get(queue, auto_ack=True)
        time.sleep(0.02)
    told = {name: getattr(found, name) for name in properties}
    own = {name: [type(value).__name__, str(value)] for name, value in (found.headers or {}).items()}
    at = {"exchange": method.exchange, "routing_key": method.routing_key}
    json.dump({**at, **told, "headers": own, "body": body.decode()}, sys.stdout)


main(*sys.argv[1:])
