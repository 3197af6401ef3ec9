// franz-go.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

type header [2]any

type record struct {
	Partition int32
	Timestamp int64
	Key       []byte
	Value     []byte
	Headers   [][]*string
}

type write struct {
	Topic      string
	Codec      string
	Idempotent *bool
}

type job struct {
	Hosts      string
	Admin      bool
	Partitions int32
	Writes     []write
	Records    []record
	Reads      []string
	Searches   []string
	Time       int64
	Gone       string
}

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (j *job) client(options ...kgo.Opt) *kgo.Client {
	base := []kgo.Opt{kgo.SeedBrokers(strings.Split(j.Hosts, ",")...), kgo.ClientID("franz-go")}
	client, err := kgo.NewClient(append(base, options...)...)
	check(err)
	return client
}

func (j *job) write(ctx context.Context, to write) []int64 {
	options := []kgo.Opt{
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codecs[to.Codec]),
		kgo.ProducerLinger(50 * time.Millisecond),
	}
	if to.Idempotent != nil && !*to.Idempotent {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	client := j.client(options...)
	defer client.Close()
	var records []*kgo.Record
	for _, it := range j.Records {
		out := &kgo.Record{
			Topic: to.Topic, Partition: it.Partition, Timestamp: time.UnixMilli(it.Timestamp), Key: it.Key, Value: it.Value,
		}
		for _, header := range it.Headers {
			var value []byte
			if header[1] != nil {
				check(json.Unmarshal([]byte(`"`+*header[1]+`"`), &value))
			}
			out.Headers = append(out.Headers, kgo.RecordHeader{Key: *header[0], Value: value})
		}
		records = append(records, out)
	}
	check(client.ProduceSync(ctx, records...).FirstErr())
	var offsets []int64
	for _, it := range records {
		offsets = append(offsets, it.Offset)
	}
	return offsets
}

func (j *job) read(ctx context.Context, topic string, limits [][3]int64) []any {
	places := map[int32]kgo.Offset{}
	ends := map[int32]int64{}
	for _, limit := range limits {
		if limit[1] < limit[2] {
			places[int32(limit[0])] = kgo.NewOffset().AtStart()
			ends[int32(limit[0])] = limit[2]
		}
	}
	client := j.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: places}))
	defer client.Close()
	found := []any{}
	for len(ends) > 0 {
		fetches := client.PollFetches(ctx)
		check(fetches.Err())
		fetches.EachRecord(func(it *kgo.Record) {
			headers := []header{}
			for _, each := range it.Headers {
				headers = append(headers, header{each.Key, each.Value})
			}
			found = append(found, []any{it.Partition, it.Offset, it.Timestamp.UnixMilli(), it.Key, it.Value, headers})
			if it.Offset+1 >= ends[it.Partition] {
				delete(ends, it.Partition)
			}
		})
	}
	return found
}

func (j *job) names() []string {
	var names []string
	for _, to := range j.Writes {
		names = append(names, to.Topic)
	}
	return names
}

func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == "github.com/twmb/franz-go" {
			return module.Version
		}
	}
	return ""
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	defer cancel()
	j := &job{}
	check(json.NewDecoder(os.Stdin).Decode(j))
	client := j.client()
	admin := kadm.NewClient(client)
	if j.Admin {
		made, err := admin.CreateTopics(ctx, j.Partitions, 2, nil, j.names()...)
		check(err)
		check(made.Error())
	}
	topics, err := admin.ListTopics(ctx)
	check(err)
	written := map[string][]int64{}
	for _, to := range j.Writes {
		written[to.Topic] = j.write(ctx, to)
	}
	offsets := map[string][][3]int64{}
	since := map[string][][2]int64{}
	read := map[string]any{}
	for _, topic := range j.Reads {
		starts, err := admin.ListStartOffsets(ctx, topic)
		check(err)
		ends, err := admin.ListEndOffsets(ctx, topic)
		check(err)
		for partition := range int32(len(starts[topic])) {
			first, _ := starts.Lookup(topic, partition)
			end, _ := ends.Lookup(topic, partition)
			offsets[topic] = append(offsets[topic], [3]int64{int64(partition), first.Offset, end.Offset})
		}
		read[topic] = j.read(ctx, topic, offsets[topic])
	}
	for _, topic := range j.Searches {
		later, err := admin.ListOffsetsAfterMilli(ctx, j.Time, topic)
		check(err)
		for partition := range int32(len(later[topic])) {
			at, _ := later.Lookup(topic, partition)
			check(at.Err)
			since[topic] = append(since[topic], [2]int64{int64(partition), at.Offset})
		}
	}
	if j.Admin {
		gone, err := admin.DeleteTopics(ctx, j.Gone)
		check(err)
		check(gone.Error())
	}
	client.Close()
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"version": version(), "listed": topics.Names(), "written": written, "offsets": offsets, "since": since, "read": read,
	}))
}
