import cProfile, io, pstats
profile = cProfile.Profile(); profile.enable(); sorted(range(10)); profile.disable()
print(sorted(str(entry[0][2]) for entry in pstats.Stats(profile).stats.items()))
