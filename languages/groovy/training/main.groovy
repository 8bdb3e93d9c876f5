import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import groovy.transform.CompileStatic
import groovy.transform.Immutable
import groovy.xml.MarkupBuilder
import groovy.xml.XmlSlurper
import java.time.LocalDate

// What programs do most, for the image's build: the archive holds what Groovy and the program use of Java here.
@Immutable
class Planet {
    String name
    int moons
}

trait Named {
    String name

    String greet() { "I am $name" }
}

class Dog implements Named {
    def sound() { 'Woof' }
}

enum Colour { RED, GREEN }

interface Shape { double area() }

record Square(double side) implements Shape {
    double area() { side * side }
}

@CompileStatic
int factorial(int n) {
    n <= 1 ? 1 : n * factorial(n - 1)
}

def half(String text) { text.toInteger().intdiv(2) }

System.in.eachLine { println it.reverse() }
new StringReader('line').withReader { reader -> println reader.readLine() }
args.each { println "[$it]" }
def counts = 'the cat and the hat'.split(' ').countBy { it }
println counts.sort { -it.value }
counts.each { word, count -> println "$word: $count" }
println((1..10).step(3).collect { it * it }.findAll { it % 2 == 0 }.sum())
println([3, 1, 2].sort().join(', ') + [1, 2, 3].inject(0) { a, b -> a + b } + [1, [2]].flatten() + [1, 2].collate(1))
println([a: 1, b: 2].collectEntries { k, v -> [k, v + 1] }.toString() + ['x', 'y'].withIndex() + [1, 2].groupBy { it % 2 })
println new Planet('Mars', 2)
println "${new Dog(name: 'Rex').greet()} ${new Dog().sound()} ${Colour.RED} ${Colour.values()} ${new Square(2).area()}"
println "${factorial(5)} ${0.1 + 0.2} ${2 ** 100} ${LocalDate.of(2024, 2, 28).plusDays(2)} ${String.format('%.2f', Math.PI)}"
println "${('the cat' =~ /\w+/).collect { it }} ${'cat' ==~ /c.t/} ${'text'[1..2]} ${'a'.padLeft(3) * 2}"
println new JsonSlurper().parseText('{"a": [1, 2.5, "x", null, true]}')
println JsonOutput.prettyPrint(JsonOutput.toJson([a: 1, b: [1, 2]]))
println new XmlSlurper().parseText('<pet name="Tom"><age>3</age></pet>').@name
new MarkupBuilder(new StringWriter()).pet(name: 'Tom') { age 3 }
def text = null
println text?.length() ?: 'none'
switch (1) {
    case Integer: println 'number'; break
    case ~/x/: break
    default: println 'other'
}
for (i in 0..<3) print "$i "
def add = { a, b -> a + b }
println add.curry(1)(2) + ({ it } >> { it + 1 })(1)
println '''
    A block
    of text
'''.stripIndent()
println([1, 2].stream().map(n -> n + 1).toList())
def threads = (1..2).collect { n -> Thread.start { println n } }
threads*.join()
def stack = [] as ArrayDeque
stack << 1
println stack.pop() + (new TreeMap([b: 1, a: 2])).firstKey()
try {
    assert half('8') == 4
    half('eight')
} catch (NumberFormatException exception) {
    System.err.println exception.message
    exception.printStackTrace()
}
