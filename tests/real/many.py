"""many.py DIRECTORY COUNT: COUNT files of 1000 bytes of text, a thousand in each directory."""
import os
import random
import sys

root, count = sys.argv[1], int(sys.argv[2])
generator = random.Random(1)
words = ["race", "mill", "wheel", "stone", "grain", "flour", "water", "sack", "beam", "weir"]
for i in range(count):
    if i % 1000 == 0:
        directory = os.path.join(root, f"d{i // 1000:04}")
        os.mkdir(directory)
    text = f"{i}\n" + " ".join(generator.choices(words, k=200))
    with open(os.path.join(directory, f"f{i:06}.txt"), "w") as file:
        file.write(text[:999] + "\n")
