import java.util.Collections;
import java.util.List;
import java.util.Map;
import kafka.api.FetchRequestBuilder;
import kafka.api.PartitionOffsetRequestInfo;
import kafka.common.TopicAndPartition;
import kafka.javaapi.FetchResponse;
import kafka.javaapi.OffsetRequest;
import kafka.javaapi.OffsetResponse;
import kafka.javaapi.PartitionMetadata;
import kafka.javaapi.TopicMetadata;
import kafka.javaapi.TopicMetadataRequest;
import kafka.javaapi.consumer.SimpleConsumer;
import kafka.message.MessageAndOffset;

/** Does what Consume does for releases whose KafkaConsumer is not written yet. Arguments: the hosts, the topic. */
public final class SimpleConsume {
  private static final String ME = "simple-consume";

  public static void main(String[] args) {
    String[] host = args[0].split(",")[0].split(":");
    SimpleConsumer first = connect(host[0], Integer.parseInt(host[1]));
    List<TopicMetadata> topics = first.send(new TopicMetadataRequest(Collections.singletonList(args[1]))).topicsMetadata();
    first.close();
    for (PartitionMetadata partition : topics.get(0).partitionsMetadata()) {
      SimpleConsumer leader = connect(partition.leader().host(), partition.leader().port());
      read(leader, args[1], partition.partitionId());
      leader.close();
    }
    System.out.flush();
  }

  private static SimpleConsumer connect(String host, int port) {
    return new SimpleConsumer(host, port, 10_000, 1 << 20, ME);
  }

  private static void read(SimpleConsumer leader, String topic, int partition) {
    long offset = limit(leader, topic, partition, kafka.api.OffsetRequest.EarliestTime());
    long end = limit(leader, topic, partition, kafka.api.OffsetRequest.LatestTime());
    StringBuilder out = new StringBuilder();
    while (offset < end) {
      FetchResponse response = leader.fetch(
          new FetchRequestBuilder().clientId(ME).addFetch(topic, partition, offset, 4 << 20).maxWait(100).build());
      check(response.errorCode(topic, partition));
      for (MessageAndOffset each : response.messageSet(topic, partition)) {
        if (each.offset() < offset) continue; // a compressed set comes whole, also from its middle
        out.append(partition).append(' ').append(each.offset()).append(" -");
        Words.append(out, each.message().key());
        Words.append(out, each.message().payload());
        out.append('\n');
        offset = each.nextOffset();
      }
      System.out.print(out);
      out.setLength(0);
    }
  }

  private static long limit(SimpleConsumer leader, String topic, int partition, long time) {
    Map<TopicAndPartition, PartitionOffsetRequestInfo> asked = Collections.singletonMap(
        new TopicAndPartition(topic, partition), new PartitionOffsetRequestInfo(time, 1));
    OffsetResponse response =
        leader.getOffsetsBefore(new OffsetRequest(asked, kafka.api.OffsetRequest.CurrentVersion(), ME));
    check(response.errorCode(topic, partition));
    return response.offsets(topic, partition)[0];
  }

  private static void check(short errorCode) {
    if (errorCode != 0) throw new IllegalStateException("error " + errorCode);
  }
}
