import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.LocalDate;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.Scanner;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** What programs do most, for the image's build: the archives hold what the compiler and the program use of Java here. */
public class Main {
    sealed interface Shape permits Circle, Square {}

    record Circle(double radius) implements Shape {}

    record Square(double side) implements Shape {}

    enum Colour {
        RED,
        GREEN;

        Colour other() {
            return switch (this) {
                case RED -> GREEN;
                case GREEN -> RED;
            };
        }
    }

    static abstract class Node<T extends Comparable<T>> {
        protected final T value;

        Node(T value) {
            this.value = value;
        }

        abstract String show();
    }

    static double area(Shape shape) {
        return switch (shape) {
            case Circle(var radius) -> Math.PI * radius * radius;
            case Square square when square.side() > 100 -> 0;
            case Square(var side) -> side * side;
        };
    }

    static <T> List<T> twice(Supplier<? extends T> supplier) {
        return List.of(supplier.get(), supplier.get());
    }

    public static void main(String[] args) throws Exception {
        var scanner = new Scanner("1 2.5 word\nline\n");
        System.out.println(scanner.nextInt() + " " + scanner.nextDouble() + " " + scanner.next() + scanner.nextLine());
        var reader = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = reader.readLine()) != null; ) {
            System.out.println(new StringBuilder(line).reverse());
        }
        Map<String, Integer> counts = new HashMap<>();
        for (String word : "the cat and the hat".split(" ")) {
            counts.merge(word, 1, Integer::sum);
        }
        System.out.println(counts + " " + new TreeMap<>(counts) + new HashSet<>(List.of(1, 2)) + Map.of("a", 1));
        List<Integer> numbers = new ArrayList<>(Arrays.asList(3, 1, 2));
        numbers.sort((a, b) -> b - a);
        System.out.println(numbers.stream().filter(n -> n > 1).map(n -> n * n).sorted().collect(Collectors.toList()));
        System.out.println(IntStream.rangeClosed(1, 5).boxed()
                .collect(Collectors.groupingBy(n -> n % 2 == 0, Collectors.summingInt(n -> n))));
        System.out.println(numbers.stream().map(String::valueOf).collect(Collectors.joining(", ", "[", "]")));
        System.out.println(numbers.stream().mapToInt(Integer::intValue).sum() + " " + Optional.of(1).map(n -> n + 1));
        System.out.printf("%d %5.2f %s %x %,d%n", 1, 2.5, "text", 255, 1234567);
        System.out.println(String.format("%-8s|%08d", "left", 42) + "text".repeat(2).toUpperCase() + "a,b".split(","));
        for (Shape shape : List.of(new Circle(1), new Square(2))) {
            System.out.println(shape + " " + area(shape) + " " + shape.hashCode() + shape.equals(null));
        }
        System.out.println(Colour.RED.other() + " " + Arrays.toString(Colour.values()) + Colour.valueOf("RED"));
        System.out.println(new Node<>("anonymous") {
            @Override
            String show() {
                return "Node " + value;
            }
        }.show());
        System.out.println(twice(() -> new Random(1).nextInt(10)) + Function.<Integer>identity().apply(1).toString());
        System.out.println(new BigDecimal("0.1").add(BigDecimal.ONE) + " " + BigInteger.TWO.pow(100));
        System.out.println(LocalDate.of(2024, 2, 28).plusDays(2) + " " + Pattern.compile("\\d+").matcher("a1").find());
        var queue = new PriorityQueue<>(numbers);
        var stack = new ArrayDeque<>(numbers);
        System.out.println(queue.poll() + stack.pop() + new int[][] {{1, 2}, {3}}[0][1]);
        try (var pool = Executors.newFixedThreadPool(1)) {
            System.out.println(pool.submit(() -> 1).get() + CompletableFuture.supplyAsync(() -> 2).join());
        }
        Thread.ofVirtual().start(() -> System.out.println("virtual")).join();
        synchronized (numbers) {
            System.out.println("""
                    A block of text: %s
                    """.formatted(System.currentTimeMillis() > 0 ? "later" : "never"));
        }
        Object object = 1;
        if (object instanceof Integer number && number > 0) {
            System.err.println(number);
        }
        try {
            throw new IllegalStateException("caught");
        } catch (IllegalStateException | NullPointerException exception) {
            exception.printStackTrace();
        }
    }
}
