print(hash("x"), {"a", "b", "c"})
