import unittest, sys
class T(unittest.TestCase):
    def test_a(self): self.assertEqual(1, 2)
    def test_b(self): pass
unittest.main(testRunner=lambda *a, **k: unittest.TextTestRunner(stream=sys.stdout, verbosity=2), exit=False) if False else print(unittest.defaultTestLoader.loadTestsFromTestCase(T).countTestCases())
