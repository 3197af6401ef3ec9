"""PyKafka."""

import warnings

warnings.simplefilter("ignore")

from job import job, records, tell, text  # noqa: E402
import pykafka  # noqa: E402
from pykafka.common import CompressionType, OffsetType  # noqa: E402


def write(topic, codec):
    wanted = list(records())
    places = iter([partition for partition, *_ in wanted])

    def partitioner(partitions, _key):
        at = next(places)
        return next(it for it in partitions if it.id == at)

    compression = getattr(CompressionType, codec.upper())
    producer = topic.get_producer(partitioner=partitioner, compression=compression, delivery_reports=True,
                                  required_acks=-1, linger_ms=50)
    sent = []
    for _, timestamp, key, value, _ in wanted:
        more = {}
        if job["timestamps"]:
            more["timestamp"] = timestamp
        sent.append(producer.produce(value, partition_key=key, **more))
    offsets = {}
    for _ in sent:
        message, error = producer.get_delivery_report(timeout=20)
        if error is not None:
            raise error
        offsets[id(message)] = message.offset
    producer.stop()
    return [offsets[id(message)] for message in sent]


def stamp(message):
    """The time of a message; versions before 0.10 have none."""
    return message.timestamp if message.protocol_version >= 1 else -1


def limits(topic):
    first, end = topic.earliest_available_offsets(), topic.latest_available_offsets()
    return [(it, first[it].offset[0], end[it].offset[0]) for it in sorted(first)]


def read(topic, offsets):
    consumer = topic.get_simple_consumer(auto_offset_reset=OffsetType.EARLIEST, reset_offset_on_start=True,
                                         consumer_timeout_ms=10_000)
    found = []
    for _ in range(sum(end - first for _, first, end in offsets)):
        it = consumer.consume()
        if it is None:
            raise RuntimeError("nothing comes of %s" % topic.name)
        found.append((it.partition_id, it.offset, stamp(it), text(it.partition_key), text(it.value), []))
    consumer.stop()
    return found


def main():
    told = {"version": pykafka.__version__}
    client = pykafka.KafkaClient(hosts=job["hosts"], broker_version=job["release"])
    told["listed"] = [name.decode() for name in client.topics]
    topics = client.topics
    told["written"] = {to["topic"]: write(topics[to["topic"].encode()], to["codec"]) for to in job["writes"]}
    told["offsets"], told["read"] = {}, {}
    for name in job["reads"]:
        topic = topics[name.encode()]
        told["offsets"][name] = limits(topic)
        told["read"][name] = read(topic, told["offsets"][name])
    tell(**told)


main()
