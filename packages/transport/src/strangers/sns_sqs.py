"""A stranger with boto3, who knows the names on SNS and SQS and nothing of the code here.

    sns_sqs.py ENDPOINT publish TOPIC    what stdin has as JSON: `envelope`, and other parameters of sns.publish
    sns_sqs.py ENDPOINT take QUEUE       waits for one message, takes it off the queue, and prints it as JSON
"""
import base64
import hashlib
import json
import sys

import boto3
from botocore.session import get_session


def main(endpoint, verb, name):
    session = boto3.Session("any", "any", region_name="us-east-1", botocore_session=speaking_json(get_session()))
    if verb == "publish":
        publish(session.client("sns", endpoint_url=endpoint), name)
    else:
        take(session.client("sqs", endpoint_url=endpoint), name)


def publish(sns, name):
    asked = json.load(sys.stdin)
    pages = sns.get_paginator("list_topics").paginate()
    topics = [topic["TopicArn"] for page in pages for topic in page["Topics"]]
    arn = next(topic for topic in topics if topic.endswith(":" + name))
    sns.publish(TopicArn=arn, Message=json.dumps(asked.pop("envelope"), indent=2), **asked)


def take(sqs, name):
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    messages = []
    while not messages:
        wish = {"WaitTimeSeconds": 1, "AttributeNames": ["All"], "MessageAttributeNames": ["All"]}
        messages = sqs.receive_message(QueueUrl=url, **wish).get("Messages", [])
    [message] = messages
    assert message["MD5OfBody"] == hashlib.md5(message["Body"].encode()).hexdigest()
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    json.dump(message, sys.stdout, default=lambda data: base64.b64encode(data).decode())


def speaking_json(session):
    """AWS knows two protocols of SQS, and the emulator the younger one: boto3 has it from 1.28.81 on."""
    model = session.get_component("data_loader").load_service_model("sqs", "service-2")
    if model["metadata"]["protocol"] == "query":
        model["shapes"] = without_xml_names(model["shapes"])
        model["metadata"].update(protocol="json", jsonVersion="1.0", targetPrefix="AmazonSQS")
    return session


def without_xml_names(shape):
    if isinstance(shape, list):
        return [without_xml_names(part) for part in shape]
    if not isinstance(shape, dict):
        return shape
    return {key: without_xml_names(part) for key, part in shape.items() if key not in ("locationName", "flattened")}


main(*sys.argv[1:])
