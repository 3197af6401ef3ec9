"""confluent-kafka, which is librdkafka."""

from job import data, job, records, tell, text
import confluent_kafka
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

base = {"bootstrap.servers": job["hosts"], "client.id": "confluent"}
if not job["timestamps"]:
    # Brokers of those days cannot say what they speak, so the client has to be told.
    base.update({"api.version.request": False, "broker.version.fallback": job["release"]})


def write(to):
    settings = {**base, "compression.type": to["codec"], "linger.ms": 50}
    if to["idempotent"] is not None:
        settings["enable.idempotence"] = to["idempotent"]
    producer = Producer(settings)
    offsets = {}

    def reported(at):
        def report(error, message):
            if error is not None:
                raise confluent_kafka.KafkaException(error)
            offsets[at] = message.offset()
        return report

    for at, (partition, timestamp, key, value, headers) in enumerate(records()):
        more = {"headers": headers} if headers else {}
        producer.produce(to["topic"], value=value, key=key, partition=partition, timestamp=timestamp,
                         on_delivery=reported(at), **more)
    if producer.flush(20) != 0:
        raise RuntimeError("not all is acknowledged")
    return [offsets[at] for at in range(len(offsets))]


def read(consumer, topic, offsets):
    left = {partition for partition, first, end in offsets if first < end}
    ends = {partition: end for partition, _, end in offsets}
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in left])
    found = []
    while left:
        message = consumer.poll(10)
        if message is None:
            raise RuntimeError("nothing comes of %s" % topic)
        if message.error():
            raise confluent_kafka.KafkaException(message.error())
        headers = [(name, text(value)) for name, value in message.headers() or []]
        found.append((message.partition(), message.offset(), message.timestamp()[1], text(message.key()),
                      text(message.value()), headers))
        if message.offset() + 1 >= ends[message.partition()]:
            left.discard(message.partition())
    consumer.unassign()
    return found


def limits(consumer, topic, partitions):
    return [(partition, *consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10))
            for partition in partitions]


def since(consumer, topic, partitions):
    wanted = [TopicPartition(topic, partition, job["time"]) for partition in partitions]
    return [(it.partition, it.offset) for it in consumer.offsets_for_times(wanted, timeout=10)]


def main():
    told = {"version": "%s on %s" % (confluent_kafka.version(), confluent_kafka.libversion()[0])}
    admin = AdminClient(base)
    if job["admin"]:
        made = [NewTopic(to["topic"], num_partitions=job["partitions"], replication_factor=2) for to in job["writes"]]
        for future in admin.create_topics(made).values():
            future.result(10)
    told["listed"] = list(admin.list_topics(timeout=10).topics)
    told["written"] = {to["topic"]: write(to) for to in job["writes"]}
    consumer = Consumer({**base, "group.id": "none", "enable.auto.commit": False})
    told["offsets"], told["since"], told["read"] = {}, {}, {}
    for topic in job["reads"]:
        partitions = sorted(admin.list_topics(topic, timeout=10).topics[topic].partitions)
        told["offsets"][topic] = limits(consumer, topic, partitions)
        if topic in job["searches"]:
            told["since"][topic] = since(consumer, topic, partitions)
        told["read"][topic] = read(consumer, topic, told["offsets"][topic])
    consumer.close()
    if job["admin"]:
        for future in admin.delete_topics([job["gone"]]).values():
            future.result(10)
    tell(**told)


main()
