class Mine(Exception):
    pass
try:
    try:
        {}["a"]
    except KeyError as error:
        raise Mine("outer") from error
except Mine:
    raise ValueError("last")
