#!/usr/bin/env python3
"""heap_programs.py BUILD [RUNS [HEAP_MIB]]: binary trees and gcbench as Mu IR beside HotSpot (G1 and Parallel), Chez Scheme, Go
and malloc/free, each run a process of its own, in turn; medians of million nodes made a second, and each peer's ratio to ours.

BUILD is a release build's folder. A peer whose compiler is not installed is left out, with a line that says so. The first
time of each process warms its compiler up and does not count. Go's limit is soft, and Chez has none.
"""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = [("binary_trees", "18"), ("gcbench", "16")]
TIMES = "4"


def build_peers(folder, heap_mib):
    """Builds what can be built; gives name, command and environment of each."""
    peers = os.path.join(HERE, "peers")
    found = []

    def have(tool, name):
        if not shutil.which(tool):
            print(f"{name}: {tool} is not installed")
            return False
        return True

    twin = os.path.join(folder, "twin")
    subprocess.run(["cc", "-O2", "-o", twin, os.path.join(peers, "heap_programs_malloc.c")], check=True)
    found.append(("malloc/free", [twin], {}))
    if have("javac", "HotSpot"):
        subprocess.run(["javac", "-d", folder, os.path.join(peers, "HeapPrograms.java")], check=True)
        for name, option in (("HotSpot G1", "-XX:+UseG1GC"), ("HotSpot Parallel", "-XX:+UseParallelGC")):
            found.append((name, ["java", option, f"-Xmx{heap_mib}m", "-cp", folder, "HeapPrograms"], {}))
    if have("go", "Go"):
        program = os.path.join(folder, "heap_programs_go")
        subprocess.run(["go", "build", "-o", program, os.path.join(peers, "heap_programs.go")], check=True,
                       env={**os.environ, "GOCACHE": os.path.join(folder, "gocache"), "GOFLAGS": "-mod=mod"})
        found.append(("Go", [program], {"GOMEMLIMIT": f"{heap_mib}MiB"}))
    if have("chezscheme", "Chez"):
        program = os.path.join(folder, "heap_programs.so")
        source = os.path.join(peers, "heap_programs.ss")
        subprocess.run(["chezscheme", "-q"], input=f'(optimize-level 2)(compile-file "{source}" "{program}")', text=True,
                       check=True, stdout=subprocess.DEVNULL)
        found.append(("Chez", ["chezscheme", "--script", program], {}))
    return found


def run(command, environment, program, depth, heap_mib):
    """One process: nodes made, million nodes a second, peak resident MiB."""
    process = subprocess.Popen(command + [program, depth, str(heap_mib), TIMES], stdout=subprocess.PIPE, text=True,
                               env={**os.environ, **environment})
    lines = [line.split() for line in process.stdout if not line.startswith("#")]
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0 or len(lines) != int(TIMES):
        return None
    rates = [int(made) / float(seconds) * 1e-6 for made, seconds in lines[1:]]
    return int(lines[0][0]), statistics.median(rates), usage.ru_maxrss / 1024


def main():
    build = os.path.abspath(sys.argv[1])
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    heap_mib = int(sys.argv[3]) if len(sys.argv) > 3 else 256
    with tempfile.TemporaryDirectory() as folder:
        contestants = [("mud", [os.path.join(build, "tests/bench/heap_programs")], {})] + build_peers(folder, heap_mib)
        for program, depth in PROGRAMS:
            samples = {name: [] for name, _, _ in contestants}
            for _ in range(runs):
                for name, command, environment in contestants:
                    result = run(command, environment, program, depth, heap_mib)
                    if result:
                        samples[name].append(result)
            print(f"{program} {depth}, heap {heap_mib} MiB, {runs} runs in turn")
            ours = statistics.median(sample[1] for sample in samples["mud"])
            made = {sample[0] for kept in samples.values() for sample in kept}
            if len(made) != 1:
                sys.exit(f"  they did not do the same: {made}")
            for name, kept in samples.items():
                if not kept:
                    print(f"  {name:17} failed")
                    continue
                rate = statistics.median(sample[1] for sample in kept)
                peak = statistics.median(sample[2] for sample in kept)
                print(f"  {name:17} {rate:7.1f} M nodes/s, ours is {ours / rate:5.2f} times that; peak RSS {peak:6.0f} MiB")


if __name__ == "__main__":
    main()
