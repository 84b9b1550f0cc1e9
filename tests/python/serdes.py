"""The tests' real serializers: Confluent's own, against a real registry and real brokers, one process for all cases.

Reads one JSON command a line from stdin, {"id": 1, "cmd": "...", ...}, and answers each with one line, {"id": 1, ...} or
{"id": 1, "error": "..."}. Knows nothing of Sluice. Schemas are not registered here: the latest one of each subject
(TOPIC-key, TOPIC-value) is what records are written with.
"""

import base64
import datetime
import decimal
import faulthandler
import json
import math
import os
import sys
import tempfile
import uuid

import grpc_tools
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import (
    RegisteredSchema,
    Schema,
    SchemaRegistryClient,
    header_schema_id_serializer,
    prefix_schema_id_serializer,
    topic_subject_name_strategy,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from grpc_tools import protoc

READ_WITHIN = 60  # seconds for a topic
ANSWER_WITHIN = 10  # seconds for the registry; without one Confluent's client waits for ever. It tries again by itself.
COMMAND_WITHIN = 240  # seconds for a command; past them every thread's stack goes to stderr and the process ends

# By default Confluent's client first asks which subject belongs to a topic, which Apicurio answers with 404, or (1 time in
# some thousands) not at all.
SUBJECTS = {"subject.name.strategy": topic_subject_name_strategy}
FRAMINGS = {"prefix": prefix_schema_id_serializer, "header": header_schema_id_serializer}


# === what JSON cannot say is {"$kind": text} ===

TO_PYTHON = {
    "$bytes": bytes.fromhex,
    "$decimal": decimal.Decimal,
    "$float": float,
    "$date": datetime.date.fromisoformat,
    "$time": datetime.time.fromisoformat,
    "$timestamp": datetime.datetime.fromisoformat,
    "$uuid": uuid.UUID,
}


def to_python(value):
    """{"$union": [NAME, VALUE]} chooses a branch of an Avro union by its name."""
    if isinstance(value, list):
        return [to_python(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (kind, inner), = value.items()
        if kind in TO_PYTHON:
            return TO_PYTHON[kind](inner)
        if kind == "$union":
            return inner[0], to_python(inner[1])
    return {name: to_python(item) for name, item in value.items()}


def to_json(value):
    if isinstance(value, dict):
        return {str(name): to_json(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, (bytes, bytearray)):
        return {"$bytes": bytes(value).hex()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(value)}
    if isinstance(value, datetime.datetime):
        return {"$timestamp": value.isoformat(timespec="microseconds")}
    if isinstance(value, datetime.time):
        return {"$time": value.isoformat(timespec="microseconds")}
    if isinstance(value, datetime.date):
        return {"$date": value.isoformat()}
    if isinstance(value, decimal.Decimal):
        return {"$decimal": str(value)}
    if isinstance(value, uuid.UUID):
        return {"$uuid": str(value)}
    return value


# === registry ===


class Registry(SchemaRegistryClient):
    """Confluent's client. Where it asks for a Protobuf schema as a descriptor (format=serialized, which Apicurio answers
    with HTTP 500 for files in packages), it gets the text from the registry and the descriptor from protoc."""

    def get_schema(self, schema_id, subject_name=None, fmt=None, reference_format=None):
        return self.form(super().get_schema(schema_id, subject_name), fmt)

    def get_schema_by_guid(self, guid, fmt=None):
        return self.form(super().get_schema_by_guid(guid), fmt)

    def get_latest_version(self, subject_name, fmt=None):
        return self.form_of(super().get_latest_version(subject_name), fmt)

    def get_version(self, subject_name, version, deleted=False, fmt=None):
        return self.form_of(super().get_version(subject_name, version, deleted), fmt)

    def lookup_schema(self, subject_name, schema, normalize_schemas=False, deleted=False):
        """What the Protobuf serializer would find by its descriptor, which Apicurio does not compare with texts: the
        latest version. Of what the message's file imports it wants a version alone, and makes nothing of it."""
        if subject_name.endswith((f"-{MessageField.KEY}", f"-{MessageField.VALUE}")):
            return self.get_latest_version(subject_name)
        return RegisteredSchema(schema_id=0, guid=None, schema=schema, subject=subject_name, version=1)

    def form_of(self, registered, fmt):
        schema = self.form(registered.schema, fmt)
        return RegisteredSchema(
            schema_id=registered.schema_id, guid=registered.guid, schema=schema, subject=registered.subject, version=registered.version
        )

    def form(self, schema, fmt):
        if fmt != "serialized" or schema.schema_type != "PROTOBUF":
            return schema
        root = self.files(schema)[-1]
        text = base64.b64encode(root.SerializeToString()).decode()
        return Schema(text, schema.schema_type, schema.references)

    def files(self, schema):
        """The descriptors of a Protobuf schema and of what it imports; its own is the last."""
        with tempfile.TemporaryDirectory() as folder:
            self.lay_out(schema, folder)
            with open(os.path.join(folder, "root.proto"), "w", encoding="utf-8") as to:
                to.write(schema.schema_str)
            out = os.path.join(folder, "descriptors")
            known = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")
            args = ["protoc", f"-I{folder}", f"-I{known}", "--include_imports", f"--descriptor_set_out={out}", "root.proto"]
            if protoc.main(args) != 0:
                raise ValueError("protoc refuses the schema")
            with open(out, "rb") as made:
                return list(descriptor_pb2.FileDescriptorSet.FromString(made.read()).file)

    def lay_out(self, schema, folder):
        for reference in schema.references or []:
            referred = super().get_version(reference.subject, reference.version).schema
            path = os.path.join(folder, reference.name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as to:
                to.write(referred.schema_str)
            self.lay_out(referred, folder)

    def message(self, schema, name):
        """The class of a message, by its full name."""
        pool = descriptor_pool.DescriptorPool()
        for file in self.files(schema):
            pool.Add(file)
        return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


# === one half of a record ===


class Half:
    """Keys or values of one topic: {"format": ..., "message": FULL NAME for Protobuf}."""

    def __init__(self, registry, topic, field, spec, framing):
        self.topic, self.field = topic, field
        self.format = spec["format"]
        self.make = getattr(self, "make_" + self.format, None)
        if self.make is not None:
            schema = registry.get_latest_version(f"{topic}-{field}").schema
            conf = SUBJECTS | {"auto.register.schemas": False, "use.latest.version": True, "schema.id.serializer": FRAMINGS[framing]}
            self.make(registry, schema, conf, spec)

    def make_avro(self, registry, schema, conf, _):
        named = json.loads(schema.schema_str)
        if isinstance(named, str):  # a primitive, which the serializer takes as a map alone
            schema = Schema(json.dumps({"type": named}), schema.schema_type, schema.references)
        self.write, self.read = AvroSerializer(registry, schema, conf=conf), AvroDeserializer(registry, conf=SUBJECTS)
        self.inward, self.outward = to_python, to_json

    def make_json_schema(self, registry, schema, conf, _):
        self.write = JSONSerializer(schema, registry, conf=conf)
        self.read = JSONDeserializer(None, schema_registry_client=registry, conf=SUBJECTS)
        self.inward = self.outward = lambda value: value

    def make_protobuf(self, registry, schema, conf, spec):
        message = registry.message(schema, spec["message"])
        conf["use.latest.version"] = False  # knows no messages inside messages
        self.write, self.read = ProtobufSerializer(message, registry, conf), ProtobufDeserializer(message, SUBJECTS, registry)
        self.inward = lambda value: json_format.ParseDict(value, message())
        self.outward = lambda value: json_format.MessageToDict(value, preserving_proto_field_name=True)

    def bytes_of(self, value, headers):
        if value is None:
            return None
        if self.format == "bytes":
            return bytes.fromhex(value)
        if self.format == "text":
            return value.encode()
        if self.format == "json":
            return json.dumps(value, separators=(",", ":")).encode()
        return self.write(self.inward(value), SerializationContext(self.topic, self.field, headers))

    def value_of(self, data, headers):
        if data is None:
            return None
        if self.format == "bytes":
            return data.hex()
        if self.format == "text":
            return data.decode()
        if self.format == "json":
            return json.loads(data)
        return self.outward(self.read(data, SerializationContext(self.topic, self.field, headers)))


def halves(command):
    registry = Registry({"url": command["registry"], "timeout": ANSWER_WITHIN})
    topic, framing = command["topic"], command.get("framing", "prefix")
    key = Half(registry, topic, MessageField.KEY, command.get("key", {"format": "text"}), framing)
    return key, Half(registry, topic, MessageField.VALUE, command["value"], framing)


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


# === commands ===


def produce(command):
    """"records" (or JSON lines in "file"): {"key", "value", "partition", "timestamp", "headers": [[name, text]]} ->
    offsets in the same order."""
    key, value = halves(command)
    records = command["records"] if "records" in command else lines(command["file"])
    producer = Producer({"bootstrap.servers": command["bootstrap"], "acks": "all", "linger.ms": 5})
    offsets, failures = [None] * len(records), []

    def delivered(place):
        def report(error, message):
            if error is not None:
                failures.append(str(error))
            else:
                offsets[place] = message.offset()

        return report

    for place, record in enumerate(records):
        headers = [(name, text.encode()) for name, text in record.get("headers", [])]
        key_bytes = key.bytes_of(record.get("key"), headers)
        value_bytes = value.bytes_of(record.get("value"), headers)
        more = {"timestamp": record["timestamp"]} if "timestamp" in record else {}
        producer.produce(
            command["topic"], value_bytes, key_bytes, record.get("partition", 0), headers=headers, on_delivery=delivered(place), **more
        )
        producer.poll(0)
    producer.flush(READ_WITHIN)
    if failures or None in offsets:
        raise ValueError(f"not delivered: {failures[:1]}")
    return {"offsets": offsets}


def read(command):
    """All committed records of a topic -> "records": {"partition", "offset", "key", "value", "headers": [[name, hex]]}."""
    key, value = halves(command)
    consumer = Consumer(
        {"bootstrap.servers": command["bootstrap"], "group.id": "unused", "enable.auto.commit": False, "isolation.level": "read_committed"}
    )
    found = []
    try:
        topic = consumer.list_topics(command["topic"], timeout=10).topics[command["topic"]]
        for number in sorted(topic.partitions):
            found += partition(consumer, TopicPartition(command["topic"], number), key, value)
    finally:
        consumer.close()
    return {"records": found}


def partition(consumer, place, key, value):
    low, high = consumer.get_watermark_offsets(place, timeout=10)
    consumer.assign([TopicPartition(place.topic, place.partition, low)])
    found = []
    waits = READ_WITHIN * 10
    while consumer.position([place])[0].offset < high and high > low:
        message = consumer.poll(0.1)
        if message is None:
            waits -= 1
            if waits == 0:
                raise ValueError(f"reading {place.topic} took too long")
            continue
        if message.error() is not None:
            raise ValueError(str(message.error()))
        headers = message.headers() or []
        found.append(
            {
                "partition": message.partition(),
                "offset": message.offset(),
                "key": key.value_of(message.key(), headers),
                "value": value.value_of(message.value(), headers),
                "headers": [[name, None if text is None else text.hex()] for name, text in headers],
            }
        )
    return found


COMMANDS = {"ping": lambda _: {"ok": True}, "produce": produce, "read": read}


def main():
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # nothing but answers on stdout
    for line in sys.stdin:
        command = json.loads(line)
        faulthandler.dump_traceback_later(COMMAND_WITHIN, exit=True)
        try:
            answer = COMMANDS[command["cmd"]](command)
        except Exception as error:  # pylint: disable=broad-except; whatever it is, the case is told
            answer = {"error": f"{command['cmd']}: {type(error).__name__}: {error}"}
        faulthandler.cancel_dump_traceback_later()
        answers.write(json.dumps({"id": command["id"], **answer}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
