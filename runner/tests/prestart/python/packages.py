import pack.sub.leaf as leaf, pack
from pack import *
print(leaf.where, pack.__path__, pack.__file__, leaf.__spec__.origin, visible)
