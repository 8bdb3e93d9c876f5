import asyncio
async def f(n):
    await asyncio.sleep(0.01 * n)
    print("task", n)
    return n
async def main():
    print(await asyncio.gather(*(f(n) for n in (3, 1, 2))))
    raise RuntimeError("end")
asyncio.run(main())
