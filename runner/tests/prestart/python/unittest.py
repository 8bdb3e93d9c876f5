import sys, unittest
class T(unittest.TestCase):
    def test_a(self):
        self.assertEqual(1, 2)
    def test_b(self):
        pass
print(unittest.defaultTestLoader.loadTestsFromTestCase(T).countTestCases())
result = unittest.TestResult()
unittest.defaultTestLoader.loadTestsFromTestCase(T).run(result)
print(result.failures[0][1], result.testsRun)
