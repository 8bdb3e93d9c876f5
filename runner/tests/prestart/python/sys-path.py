import sys
print(sys.path, sorted(sys.path_importer_cache), list(sys.path_importer_cache), sys.path_hooks, sys.meta_path)
