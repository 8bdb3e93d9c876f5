import warnings, sys
warnings.warn("careful")
warnings.warn("old", DeprecationWarning)
def f(): warnings.warn("deep", stacklevel=2)
f(); f()
print(warnings.filters, sys.warnoptions)
x = 1 is 1
