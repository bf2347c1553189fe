"""Checks what the compiler cannot see of the rules that keep rooms apart.

usage: check_layout.py SOURCE-ROOT FOLDER=LIBRARY=ARCHIVE=USES...      (one argument a room, from meson.build)

Every breach is a line PLACE: WHAT; the exit status is 0 when there is none.
"""

import os
import re
import shutil
import subprocess
import sys

MOST_LINES = 1000
CODE = (".c", ".h")
UNIQUE = (".c", ".h", ".def", ".proto", ".py", ".sh")

# Who may include what is not ours: folders by the header's name.
HEADERS = {
    "uv.h": ("daemon/", "client/", "tests/daemon/", "tests/client/"),
    "mud.pb-c.h": ("proto/",),
}

# What the names of a room's external symbols begin with: first the public names, then those that only the room's own
# files use, which are short because nobody else sees their headers.
PREFIXES = {
    "mu_base": ("mu_",),  # the vocabulary of all rooms
    "mu_ir": ("mu_ir_",),
    "mu_irbuilder": ("mu_irbuilder_", "irbuilder_"),
    "mu_verify": ("mu_verify_",),
    "mu_abi": ("mu_abi_",),
    "mu_hail": ("mu_hail_", "hail_"),
    "mu_gc": ("mu_gc_",),
    "mu_code": ("mu_code_",),
    "mu_stack": ("mu_stack_",),
    "mu_jit": ("mu_jit_", "quick_", "hot_", "alloc_", "x64_"),
    "mu_opt": ("mu_opt_", "opt_", "build_"),
    "mu_thread": ("mu_thread_pool_", "mu_share_", "mu_timer_",
                  "pool_", "run_queue_", "share_", "ticker_", "worker_"),
    # Its face, mu.h, is the substrate's, so it is named by its objects.
    "mu_vm": ("mu_substrate_", "mu_vm_", "mu_function_", "mu_thread_", "mu_context_", "mu_profile_",
              "vm_", "context_", "thread_", "value_", "location_", "fault_handler_"),
    "guest_kit": ("guest_",),
    "guest_mu": ("guest_mu_",),
    "proto": ("proto_", "mud__"),  # mud__ is protobuf-c's, from the package's name
    "mud": ("mud_",),
    "muclient": ("muclient_",),
}
# Prescribed by GDB's JIT interface, which finds them by name, and by programs for the Mu reference implementation.
EXCEPTIONS = {"mu_code": ("__jit_debug_register_code", "__jit_debug_descriptor"),
              "muclient": ("mu_refimpl2_new", "mu_refimpl2_new_ex", "mu_refimpl2_close")}

breaches = []


def breach(place, what):
    breaches.append(f"{place}: {what}")


def source_files(root):
    """Paths below root, without hidden and build folders."""
    for folder, folders, names in os.walk(root):
        top = folder == root
        folders[:] = sorted(f for f in folders
                            if not f.startswith(".") and f != "__pycache__" and not (top and f.startswith("build")))
        for name in sorted(names):
            yield os.path.relpath(os.path.join(folder, name), root)


def without_comments(text):
    """The same lines, with comments and the insides of strings blank."""
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', lambda match: re.sub(r"[^\n]", " ", match.group(0)), text,
                  flags=re.S)


def check_includes(path, lines):
    for number, line in enumerate(lines, 1):
        match = re.match(r'\s*#\s*include\s*[<"]([^>"]*)[>"]', line)
        if not match:
            continue
        header = match.group(1)
        if ".." in header.split("/"):
            breach(f"{path}:{number}", "an include with .. in it: let meson.build list the room")
        folders = HEADERS.get(os.path.basename(header))
        if folders and not path.startswith(folders):
            breach(f"{path}:{number}", f"only {', '.join(folders)} may include {header}")


def check_file(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        text = file.read()
    lines = text.split("\n")
    if len(lines) > MOST_LINES + 1:
        breach(path, f"{len(lines) - 1} lines; {MOST_LINES} is the most")
    check_includes(path, lines)
    if path.endswith(".c"):
        for number, line in enumerate(without_comments(text).split("\n"), 1):
            if re.match(r"\s*extern\b", line):
                breach(f"{path}:{number}", "extern in a .c file: include the header that declares it")


def check_names(paths):
    seen = {}
    for path in paths:
        name = os.path.basename(path)
        if not name.endswith(UNIQUE):
            continue
        if name in seen:
            breach(path, f"has the same name as {seen[name]}")
        seen[name] = path
        if not re.fullmatch(r"[a-z][a-z0-9_]*\.[a-z]+", name):
            breach(path, "the name is not in snake_case")


def check_symbols(library, archive):
    prefixes = PREFIXES.get(library)
    if not prefixes:
        breach(archive, f"check_layout.py has no prefix for the room {library}")
        return
    listing = subprocess.run(["nm", "-g", "--defined-only", "-A", archive], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
    for line in listing.splitlines():
        symbol = line.split()[-1]
        if not symbol.startswith(prefixes) and symbol not in EXCEPTIONS.get(library, ()):
            member = line.split(":")[1]
            breach(f"{library}: {member}", f"the symbol {symbol} begins with none of {', '.join(prefixes)}")


def rooms_in_readme(text, libraries):
    """The rooms in the sentence after "May call", which may leave out the prefix mu_; None without one."""
    match = re.search(r"\*\*May call[.:]?\*\*[.:]?(.*?)(?:\.\s|\.$|\n\n|\*\*|\Z)", text, flags=re.S)
    if not match:
        return None
    words = re.findall(r"[A-Za-z0-9_/-]+", match.group(1))
    return {name for word in words for name in (word, "mu_" + word) if name in libraries}


def check_readme(root, folder, uses, libraries):
    path = os.path.join(folder, "README.md")
    try:
        with open(os.path.join(root, path), encoding="utf-8") as file:
            named = rooms_in_readme(file.read(), libraries)
    except FileNotFoundError:
        breach(folder, "the room has no README.md")
        return
    if named is None:
        breach(path, 'no line begins with "**May call"')
        return
    for name in sorted(uses - named):
        breach(path, f'"May call" leaves out {name}, which meson.build lists')
    for name in sorted(named - uses):
        breach(path, f'"May call" has {name}, which meson.build does not list')


def check_format(root, paths):
    tool = shutil.which("clang-format-14")
    if not tool:
        print("layout: clang-format-14 is not installed; the formatting is not checked")
        return
    for path in paths:
        done = subprocess.run([tool, "--dry-run", "-Werror", path], cwd=root, text=True, stderr=subprocess.PIPE,
                              stdout=subprocess.DEVNULL)
        if done.returncode != 0:
            place = done.stderr.split(": error", 1)[0] or path
            breach(place, "not formatted: clang-format-14 -i " + path)


def main():
    root = sys.argv[1]
    rooms = [argument.split("=") for argument in sys.argv[2:]]
    libraries = {library for _, library, _, _ in rooms}
    paths = list(source_files(root))
    code = [path for path in paths if path.endswith(CODE)]
    for path in code:
        check_file(root, path)
    check_names(paths)
    for folder, library, archive, uses in rooms:
        check_symbols(library, archive)
        check_readme(root, folder, set(filter(None, uses.split(","))), libraries)
    for folder in ("", "substrate", "tests"):
        if not os.path.exists(os.path.join(root, folder, "README.md")):
            breach(folder or ".", "no README.md")
    check_format(root, code)
    print("\n".join(breaches))
    print(f"layout: {len(code)} files of code, {len(rooms)} rooms, {len(breaches)} breaches")
    return 1 if breaches else 0


sys.exit(main())
