import code
code.interact(local={"x": 1}, banner="hi", exitmsg="bye")
