"""kafka-python."""

from job import job, records, tell, text
import kafka
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

base = {"bootstrap_servers": job["hosts"].split(","), "client_id": "kafka-python"}
if not job["timestamps"]:
    # Brokers of those days cannot say what they speak, so the client has to be told.
    base["api_version"] = tuple(int(it) for it in job["release"].split(".")[:3])


def write(to):
    codec = None if to["codec"] == "none" else to["codec"]
    more = {} if to["idempotent"] is None else {"enable_idempotence": to["idempotent"]}
    producer = KafkaProducer(compression_type=codec, linger_ms=50, **base, **more)
    sent = [
        producer.send(to["topic"], value=value, key=key, headers=headers, partition=partition, timestamp_ms=timestamp)
        for partition, timestamp, key, value, headers in records()
    ]
    offsets = [future.get(20).offset for future in sent]
    producer.close()
    return offsets


def read(consumer, topic, offsets):
    partitions = [TopicPartition(topic, partition) for partition, first, end in offsets if first < end]
    ends = {partition: end for partition, _, end in offsets}
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    found = []
    while any(consumer.position(it) < ends[it.partition] for it in partitions):
        for partition, batch in consumer.poll(timeout_ms=10_000).items():
            for it in batch:
                headers = [(name, text(value)) for name, value in it.headers]
                found.append((partition.partition, it.offset, it.timestamp, text(it.key), text(it.value), headers))
    return found


def since(consumer, partitions):
    at = consumer.offsets_for_times({it: job["time"] for it in partitions})
    return [(it.partition, -1 if offset is None else offset.offset) for it, offset in at.items()]


def main():
    told = {"version": kafka.__version__}
    if job["admin"]:
        admin = KafkaAdminClient(**base)
        admin.create_topics([NewTopic(to["topic"], job["partitions"], 2) for to in job["writes"]])
        told["listed"] = [it if isinstance(it, str) else it["name"] for it in admin.list_topics()]
    told["written"] = {to["topic"]: write(to) for to in job["writes"]}
    consumer = KafkaConsumer(group_id=None, enable_auto_commit=False, **base)
    told["offsets"], told["since"], told["read"] = {}, {}, {}
    for topic in job["reads"]:
        partitions = [TopicPartition(topic, it) for it in sorted(consumer.partitions_for_topic(topic))]
        first, end = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
        told["offsets"][topic] = [(it.partition, first[it], end[it]) for it in partitions]
        if topic in job["searches"]:
            told["since"][topic] = since(consumer, partitions)
        told["read"][topic] = read(consumer, topic, told["offsets"][topic])
    consumer.close()
    if job["admin"]:
        admin.delete_topics([job["gone"]])
        admin.close()
    tell(**told)


main()
