// Prints the checksums and hashes that Java makes of the bytes that vectors.json describes. From this directory:
//   mvn dependency:get -Dartifact=org.apache.kafka:kafka-clients:4.4.0
//   M2=~/.m2/repository
//   java -cp "$(ls $M2/org/apache/kafka/kafka-clients/4.4.0/*.jar $M2/org/slf4j/slf4j-api/*/*.jar | paste -sd:)" Vectors.java 2>&- > vectors.json

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;
import java.util.zip.Checksum;
import org.apache.kafka.common.utils.Utils;

public class Vectors {
    /** The n-th byte is the top byte of what a linear congruential generator gives after n + 1 steps from the seed. */
    static byte[] generated(int seed, int length) {
        byte[] bytes = new byte[length];
        int state = seed;
        for (int i = 0; i < length; i++) {
            state = state * 1664525 + 1013904223;
            bytes[i] = (byte) (state >>> 24);
        }
        return bytes;
    }

    static String results(byte[] bytes) {
        return "\"crc32\": " + checksum(new CRC32(), bytes) + ", \"crc32c\": " + checksum(new CRC32C(), bytes)
                + ", \"murmur2\": " + Utils.murmur2(bytes);
    }

    static long checksum(Checksum checksum, byte[] bytes) {
        checksum.update(bytes, 0, bytes.length);
        return checksum.getValue();
    }

    public static void main(String[] arguments) {
        List<String> lines = new ArrayList<>();
        List<byte[]> given = new ArrayList<>();
        for (String text : List.of("", "a", "ab", "abc", "abcd", "21", "foobar", "a-little-bit-long-string",
                "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", "123456789", "schlüssel-☃-😀")) {
            given.add(text.getBytes(StandardCharsets.UTF_8));
        }
        for (String hex : List.of("80", "80ff", "ff80fe", "8081828384", "ffffffffff", "00", "000000", "7fffffff80000000")) {
            given.add(HexFormat.of().parseHex(hex));
        }
        for (byte[] bytes : given) {
            lines.add("{ \"hex\": \"" + HexFormat.of().formatHex(bytes) + "\", " + results(bytes) + " }");
        }
        for (int length = 1; length <= 140; length++) lines.add(seeded(length, length));
        for (int length : new int[] {255, 256, 257, 1023, 4096, 65535, 1048576, 1048583}) lines.add(seeded(7, length));
        System.out.println("[\n  " + String.join(",\n  ", lines) + "\n]");
    }

    static String seeded(int seed, int length) {
        return "{ \"seed\": " + seed + ", \"length\": " + length + ", " + results(generated(seed, length)) + " }";
    }
}
