import site, sys
print(site.ENABLE_USER_SITE, site.USER_SITE, site.USER_BASE, site.PREFIXES, sys.prefix, sys.base_prefix, sys.executable)
print("sitecustomize" in sys.modules, "usercustomize" in sys.modules)
try:
    import sitecustomize
    print(sitecustomize.__file__)
except ImportError as error:
    print(repr(error), error.name, error.path)
