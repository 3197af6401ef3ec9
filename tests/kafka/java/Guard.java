import java.io.IOException;
import java.util.Arrays;

/**
 * Runs a server's main class and ends the process when standard input ends: whoever holds the other end of that pipe is gone
 * then, however it went. Arguments: the main class and its arguments.
 */
public final class Guard {
  public static void main(String[] args) throws Exception {
    Thread watch = new Thread(Guard::watch, "guard");
    watch.setDaemon(true);
    watch.start();
    String[] rest = Arrays.copyOfRange(args, 1, args.length);
    Class.forName(args[0]).getMethod("main", String[].class).invoke(null, (Object) rest);
  }

  private static void watch() {
    try {
      while (System.in.read() >= 0) continue;
    } catch (IOException ended) {
      // A broken pipe says the same as a closed one.
    }
    Runtime.getRuntime().halt(1);
  }
}
