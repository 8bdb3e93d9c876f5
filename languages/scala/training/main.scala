import java.time.LocalDate
import scala.collection.immutable.TreeMap
import scala.collection.mutable
import scala.concurrent.{Await, Future}
import scala.concurrent.ExecutionContext.Implicits.global
import scala.concurrent.duration.DurationInt
import scala.io.Source
import scala.util.{Failure, Random, Success, Try, Using}

// What programs do most, for the image's build: the archives hold what the compiler and the program use of Java here.
enum Shape:
  case Circle(radius: Double)
  case Square(side: Double)

  def area: Double = this match
    case Circle(radius) => math.Pi * radius * radius
    case Square(side)   => side * side

enum Colour:
  case Red, Green

sealed trait Tree[+A]
case object Leaf extends Tree[Nothing]
case class Node[+A](left: Tree[A], value: A, right: Tree[A]) extends Tree[A]

trait Show[A]:
  extension (a: A) def show: String

given Show[Int] with
  extension (a: Int) def show = s"Int $a"

given [A](using Show[A]): Show[List[A]] with
  extension (list: List[A]) def show = list.map(_.show).mkString("[", ", ", "]")

abstract class Animal(val name: String):
  def sound: String
  override def toString = f"$name%-5s says $sound"

class Dog(name: String) extends Animal(name):
  lazy val sound = "Woof"

object Registry:
  private val items = mutable.Map.empty[String, Int].withDefaultValue(0)
  def add(key: String): Unit = items(key) += 1
  def apply(key: String) = items(key)

def insert[A](tree: Tree[A], item: A)(using order: Ordering[A]): Tree[A] = tree match
  case Leaf                                                       => Node(Leaf, item, Leaf)
  case Node(left, value, right) if order.lt(item, value) => Node(insert(left, item), value, right)
  case Node(left, value, right)                                   => Node(left, value, insert(right, item))

@annotation.tailrec
def factorial(n: Int, product: BigInt = 1): BigInt = if n <= 1 then product else factorial(n - 1, product * n)

extension (word: String) def shout = word.toUpperCase + "!"

@main def train(args: String*): Unit =
  for line <- Source.stdin.getLines() do println(line.reverse)
  for shape <- List(Shape.Circle(1), Shape.Square(2)).sortBy(-_.area) do println(f"$shape has the area ${shape.area}%.2f")
  val counts = raw"\w+".r.findAllIn("the cat and the hat").toSeq.groupMapReduce(identity)(_ => 1)(_ + _)
  println(counts.to(TreeMap))
  for (word, count) <- counts do println(s"$word: $count")
  println((1 to 10 by 3).map(n => n * n).filter(_ % 2 == 0).sum)
  println(Vector(3, 1, 2).sorted.zipWithIndex.map((n, i) => n * i).foldLeft(0)(_ + _))
  println(List(1, 2, 3, 4).partition(_ > 2)._1 ++ List(1, 2).zip(List("x", "y")).toMap.view.mapValues(_ + "!").toList)
  println((1 to 6).grouped(2).map(_.sum).toList ::: (1 to 6).sliding(3).map(_.product).toList)
  println(Array(3, 1, 2).sorted.mkString(", ") + Set(1, 2).contains(1) + Seq("b", "a").sortWith(_ < _).reverse)
  println(LazyList.iterate(1)(_ * 2).takeWhile(_ < 100).toList)
  println(List(5, 2, 8).foldLeft(Leaf: Tree[Int])(insert(_, _)))
  println(List(1, 2).show + Dog("Rex") + Colour.valueOf("Red").ordinal + Colour.values.toList + "word".shout)
  Registry.add("a")
  println(Registry("a"))
  println(args.headOption.map(_.length).getOrElse("none"))
  println("1,2,x".split(",").flatMap(_.toIntOption).sum + Random(1).nextInt(10))
  val buffer = mutable.ArrayBuffer(1, 2)
  buffer += 3
  val queue = mutable.PriorityQueue(1, 3, 2)
  println(s"$buffer ${queue.dequeue()} ${mutable.Queue(1).dequeue()} ${mutable.Stack(1).pop()}")
  println(s"${factorial(20)} ${BigDecimal("0.1") + BigDecimal("0.2")} ${LocalDate.of(2024, 2, 28).plusDays(2)}")
  Try("eight".toInt) match
    case Success(number)    => println(number)
    case Failure(exception) => println(exception.getMessage)
  val result: Either[String, Int] = for
    a <- Right(1)
    b <- if a > 1 then Right(2) else Left("too small")
  yield a + b
  println(result)
  println(Await.result(Future.sequence((1 to 3).map(n => Future(n * n))), 5.seconds))
  val text: String | Int = 1
  text match
    case number: Int => println(number)
    case string: String => println(string)
  var i = 0
  while i < 3 do i += 1
  println("""|A block
             |of text""".stripMargin)
  try throw IllegalStateException("caught")
  catch case exception: RuntimeException => exception.printStackTrace()
  finally Console.err.println(i)
