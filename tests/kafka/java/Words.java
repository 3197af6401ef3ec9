import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** How bytes cross the pipe between the tests and these programs: as one word, hexadecimal after an x, or - for null. */
final class Words {
  private static final char[] DIGITS = "0123456789abcdef".toCharArray();

  static byte[] bytes(String word) {
    if (word.equals("-")) return null;
    byte[] bytes = new byte[(word.length() - 1) / 2];
    for (int i = 0; i < bytes.length; i++) {
      int at = 1 + 2 * i;
      bytes[i] = (byte) (Character.digit(word.charAt(at), 16) << 4 | Character.digit(word.charAt(at + 1), 16));
    }
    return bytes;
  }

  static String text(String word) {
    return new String(bytes(word), StandardCharsets.UTF_8);
  }

  static Long number(String word) {
    return word.equals("-") ? null : Long.valueOf(word);
  }

  static void append(StringBuilder to, byte[] bytes) {
    if (bytes == null) {
      to.append(" -");
      return;
    }
    to.append(" x");
    for (byte each : bytes) to.append(DIGITS[each >> 4 & 15]).append(DIGITS[each & 15]);
  }

  static void append(StringBuilder to, ByteBuffer buffer) {
    byte[] bytes = buffer == null ? null : new byte[buffer.remaining()];
    if (bytes != null) buffer.duplicate().get(bytes);
    append(to, bytes);
  }
}
