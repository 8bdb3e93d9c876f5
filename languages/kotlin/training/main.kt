import java.time.LocalDate
import kotlin.random.Random
import kotlin.time.Duration.Companion.minutes
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking

// What programs do most, for the image's build: the archives hold what the compiler and the program use of Java here.
sealed interface Shape

data class Circle(val radius: Double) : Shape

data class Square(val side: Double) : Shape

enum class Colour { RED, GREEN }

open class Animal(val name: String) {
    open fun sound() = "..."
}

class Dog(name: String) : Animal(name) {
    var age: Int by kotlin.properties.Delegates.observable(0) { _, old, new -> println("$old $new") }
    val late by lazy { "lazy $name" }

    override fun sound() = "Woof"

    companion object {
        const val LEGS = 4
    }
}

object Registry {
    private val items = mutableMapOf<String, Int>()

    operator fun get(key: String) = items.getOrDefault(key, 0)

    operator fun set(key: String, value: Int) {
        items[key] = value
    }
}

fun Shape.area() = when (this) {
    is Circle -> Math.PI * radius * radius
    is Square -> side * side
}

fun String.shout(times: Int = 1) = uppercase() + "!".repeat(times)

inline fun <reified T> Iterable<*>.only() = filterIsInstance<T>()

fun <T : Comparable<T>> largest(items: List<T>): T? = items.maxOrNull()

tailrec fun factorial(n: Int, product: Long = 1): Long = if (n <= 1) product else factorial(n - 1, product * n)

fun main(args: Array<String>) = runBlocking {
    generateSequence(::readlnOrNull).forEach { println(it.reversed()) }
    val shapes = listOf(Circle(1.0), Square(2.0))
    shapes.sortedByDescending { it.area() }.forEach { println("$it has the area ${"%.2f".format(it.area())}") }
    println(Circle(1.0).copy(radius = 2.0) == Circle(2.0))
    val counts = Regex("\\w+").findAll("the cat and the hat").map { it.value }.groupingBy { it }.eachCount()
    println(counts.toSortedMap())
    for ((word, count) in counts) println("$word: $count")
    println((1..10 step 3).map { it * it }.filter { it % 2 == 0 }.sum())
    println(listOf(3, 1, 2).sorted().joinToString(", ", "[", "]") + (10 downTo 1).toList() + (0 until 3).reversed())
    println(listOf("a" to 1, "b" to 2).toMap().mapValues { (_, v) -> v + 1 }.entries.associate { it.key to it.value })
    println(listOf(1, 2, 3, 4).partition { it > 2 }.first.zip(listOf("x", "y")).flatMap { listOf(it.first, it.second) })
    println((1..6).chunked(2).map { it.fold(0) { sum, n -> sum + n } } + (1..6).windowed(3).map { it.sum() })
    println(listOf(1, "two", 3.0).only<String>() + mutableSetOf("x") + hashMapOf(1 to 2).keys + largest(listOf(1, 2)))
    val dog = Dog("Rex").apply { age = 3 }
    println("${dog.late} ${dog.sound()} ${Dog.LEGS} ${Colour.valueOf("RED").ordinal} ${Colour.entries} ${"word".shout(2)}")
    Registry["a"] = 1
    Registry["a"] += 1
    println(Registry["a"])
    val text: String? = args.firstOrNull()
    println(text?.length ?: "none")
    println("1,2,x".split(",").map { it.toIntOrNull() }.filterNotNull().sumOf { it } + Random(1).nextInt(10))
    println(buildString { repeat(3) { append(it).append(' ') } }.trim() + StringBuilder("x").insert(0, 'y'))
    println(IntArray(3) { it }.contentToString() + Array(2) { IntArray(2) }.contentDeepToString() + ArrayDeque(listOf(1)))
    println("0.1".toBigDecimal() + "0.2".toBigDecimal())
    println("${factorial(10)} ${2.toBigInteger().pow(100)} ${90.minutes} ${LocalDate.of(2024, 2, 28).plusDays(2)}")
    val add: (Int, Int) -> Int = { a, b -> a + b }
    println(add(1, 2).let { it + 1 }.also { println(it) })
    println("""
        |A block
        |of text
    """.trimMargin())
    println(sequence { var n = 1; while (true) { yield(n); n *= 2 } }.takeWhile { it < 100 }.toList())
    println((1..3).map { n -> async { delay(1); n * n } }.awaitAll())
    launch { println(flow { repeat(3) { emit(it) } }.toList()) }.join()
    try {
        require(counts.isEmpty()) { "there are some" }
    } catch (exception: IllegalArgumentException) {
        System.err.println(exception.message)
        exception.printStackTrace()
    } finally {
        println(runCatching { "x".toInt() }.getOrElse { -1 })
    }
    outer@ for (i in 1..3) {
        for (j in 1..3) {
            if (j == 2) continue@outer
            if (i == 3) break@outer
        }
    }
}
