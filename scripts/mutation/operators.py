"""Small bugs of the usual kinds, as edits of one C++ file. Pure: text in, mutants out, in a fixed order."""
import dataclasses
import re

KINDS = ("condition", "bound", "swap", "omission", "twin", "constant")

# Words that are taken for each other.
TWINS = [("min", "max"), ("first", "last"), ("begin", "end"), ("from", "to"), ("left", "right"), ("front", "back"),
         ("lower_bound", "upper_bound"), ("any_of", "all_of"), ("push_front", "push_back"), ("sent", "received"),
         ("first", "second"), ("before", "after"), ("older", "newer"), ("oldest", "newest"), ("lower", "upper"),
         ("source", "target"), ("local", "remote"), ("bytes", "items"), ("read", "write"), ("commit", "abort"),
         ("participant", "coordinator"), ("mean", "max"), ("p50", "p99")]
RELATIONS = {"==": ["!="], "!=": ["=="], "<": [">="], ">": ["<="], "<=": [">"], ">=": ["<"], "&&": ["||"], "||": ["&&"]}
NEIGHBOURS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
# What is told, not done; and what is sized, not decided.
SILENT = re.compile(r"\b(?:std::)?(GC_CHECK\w*|static_assert|assert|spdlog::\w+|complain|Error|INFO|WARN|fprintf|printf|reserve)\s*[({]")


@dataclasses.dataclass(frozen=True)
class Mutant:
    path: str
    line: int      # of the first changed character, from 1
    kind: str
    start: int     # offsets into the file's text
    end: int
    new: str
    number: int = 0  # among those of this file, line and kind

    @property
    def id(self):
        return f"{self.path}:{self.line}:{self.kind}:{self.number}"

    def applied(self, text):
        return text[:self.start] + self.new + text[self.end:]


def masked(text):
    """The text with comments, strings, preprocessor lines and what is only told blanked out; offsets and lines stay."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-zA-Z_])\'(?:\\.|[^\'\\\n])+\'', re.S)
    out = pattern.sub(lambda m: re.sub(r"[^\n]", "_" if m.group(0)[0] in "\"'R" else " ", m.group(0)), text)
    out = re.sub(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", lambda m: re.sub(r"[^\n]", " ", m.group(0)), out, flags=re.M)
    for match in list(SILENT.finditer(out)):
        end = closing(out, match.end() - 1)
        if end:
            out = out[:match.end()] + re.sub(r"[^\n]", "_", out[match.end():end]) + out[end:]
    return out


def closing(text, at):
    """The offset of the bracket that closes the one at `at`; None if there is none."""
    depth = 0
    for i in range(at, len(text)):
        if text[i] in "([{":
            depth += 1
        elif text[i] in ")]}":
            depth -= 1
            if depth == 0:
                return i
    return None


def conditions(code):
    for match in re.finditer(r"\b(if|while) (?:constexpr )?\(", code):
        if code[match.start():match.end()].find("constexpr") >= 0:
            continue
        end = closing(code, match.end() - 1)
        if end is None:
            continue
        start = match.end()
        if ";" in code[start:end]:  # if (init; condition)
            start = start + code[start:end].rindex(";") + 1
            start += len(code[start:end]) - len(code[start:end].lstrip())
        inside = code[start:end]
        if re.match(r"(const |auto |[\w:<>*]+ \w+ = )", inside):
            continue
        yield "condition", start, end, lambda old: old[1:] if re.match(r"!\w[\w.:>\[\]()-]*$", old) else f"!({old})"
    for match in re.finditer(r" (==|!=|<=|>=|<|>|&&|\|\|) ", code):
        for new in RELATIONS[match.group(1)]:
            yield "condition", match.start(1), match.end(1), lambda old, new=new: new
    for match in re.finditer(r"(?<=[(&| ])!(?=[\w(])", code):
        yield "condition", match.start(), match.end(), lambda old: ""
    for match in re.finditer(r"(?:return |[({,=] ?)(\w[\w.>()-]*) \? ", code):  # the condition of a choice
        if match.group(1).count("(") == match.group(1).count(")"):
            yield "condition", match.start(1), match.end(1), lambda old: f"!({old})"


def bounds(code):
    for match in re.finditer(r" (<=|>=|<|>) ", code):
        yield "bound", match.start(1), match.end(1), lambda old: NEIGHBOURS[old]
    for match in re.finditer(r"(?<=[\w)\]]) [+-] 1\b(?!')", code):
        yield "bound", match.start(), match.end(), lambda old: ""
    for match in re.finditer(r"[\w)]*(?:\.size\(\)|_max|_count|->size\(\))(?=[;) ,])", code):
        yield "bound", match.end(), match.end(), lambda old: " - 1"


def constants(code):
    for match in re.finditer(r"(?<![\w.])(\d[\d']*)(U?L{0,2}|ms|s|us|ns|h|min)\b(?!\.)(?!')", code):
        value = int(match.group(1).replace("'", ""))
        wrong = {0: [1], 1: [0, 2], 2: [1, 3], 3: [2, 4]}.get(value, [value * 2, 0])
        for new in wrong:
            yield "constant", match.start(1), match.end(1), lambda old, new=new: str(new)
    for match in re.finditer(r"\b(true|false)\b", code):
        yield "constant", match.start(), match.end(), lambda old: "false" if old == "true" else "true"


def twins(code, members):
    for match in re.finditer(r"\b[A-Za-z_]\w*\b", code):
        word = match.group(0)
        for new in sorted(twins_of(word, members, code[max(0, match.start() - 2):match.start()])):
            yield "twin", match.start(), match.end(), lambda old, new=new: new
    simple = r"([A-Za-z_][\w.]*(?:->\w+)?)"
    for match in re.finditer(rf"(?<=[(,{{ ]){simple}, {simple}(?=[,)}}])", code):  # two arguments swapped
        if match.group(1) != match.group(2):
            yield "twin", match.start(), match.end(), lambda old: ", ".join(reversed(old.split(", ")))


def twins_of(word, members, before):
    found = set()
    for a, b in TWINS:
        for this, that in ((a, b), (b, a)):
            parts = word.split("_")
            if word == this:
                found.add(that)
            elif this in parts and "_".join(that if p == this else p for p in parts) in members:
                found.add("_".join(that if p == this else p for p in parts))
    if before.endswith((".", "->", "::")):  # a field or an enumerator that differs in one part of its name
        parts = word.split("_")
        for other in members.get(word, ()):
            others = other.split("_")
            if len(parts) == len(others) > 1 and sum(p != o for p, o in zip(parts, others)) == 1:
                found.add(other)
    return found


def members_of(texts):
    """name -> the names used in the same way (after '.', '->' or '::X') anywhere in these texts."""
    fields, enums = set(), {}
    words = set()
    for text in texts:
        code = masked(text)
        words |= set(re.findall(r"\b[a-z_]\w*\b", code))
        fields |= set(re.findall(r"(?:\.|->)([a-z]\w*)\b", code))
        for scope, name in re.findall(r"\b([A-Z]\w*)::([a-z]\w*)\b(?!\()", code):
            enums.setdefault(scope, set()).add(name)
    members = {name: fields for name in fields}
    for names in enums.values():
        for name in names:
            members[name] = set(members.get(name, set())) | names
    return {name: members.get(name, set()) for name in words | set(members)}


def statements(code):
    """(start, end, indent) of each statement that is one expression, a return, break or continue: it ends with ';'."""
    found = []
    offset = 0
    previous = ";"
    for line in code.split("\n"):
        text = line.strip()
        indent = len(line) - len(line.lstrip())
        start = offset + indent
        if text and indent >= 2 and previous[-1:] in ";{}:" and re.match(r"[\w*+(-]", text):
            depth, end = 0, start
            while end < len(code):
                c = code[end]
                if c in "([{":
                    depth += 1
                elif c in ")]}":
                    depth -= 1
                elif c == ";" and depth == 0:
                    break
                if depth < 0:
                    break
                end += 1
            # `for (...) {` and definitions have a brace before their ';': only what closes within its own statement counts.
            whole = code[start:end + 1]
            if end < len(code) and code[end] == ";" and is_simple(whole):
                found.append((start, end + 1, indent))
        if text:
            previous = text
        offset += len(line) + 1
    return found


def is_simple(statement):
    head = statement.split("\n")[0]
    if SILENT.match(head) or re.search(r"\.(reserve|add_option|add_flag|add_subcommand)\(", head):
        return False
    if re.match(r"(if|for|while|switch|do|else|case|default|using|namespace|struct|class|enum|template|public|private|const|auto|static|"
                r"constexpr|friend|typedef|goto|throw|extern|virtual|explicit|inline|return|\[\[|_+)\b", head):
        return bool(re.match(r"return;", head))
    if head.startswith("(void)") or head in ("break;", "continue;"):
        return True
    if statement.count("\n") > 8:
        return False
    target = r"[*]?[A-Za-z_][\w.:]*(?:(?:->|\.)\w+|\[[^\]]*\]|\([^()]*\))*"
    return bool(re.match(rf"(\+\+|--){target};$", head) or re.match(rf"{target} (=|\+=|-=|\|=|&=|\*=|<<=|>>=) ", head) or
                re.match(rf"{target}(\+\+|--);", head) or re.match(r"[A-Za-z_][\w.:]*(?:(?:->|\.)\w+|\[[^\]]*\]|\([^()]*\))*\(", head))


def omissions(code, found):
    for start, end, _ in found:
        yield "omission", start, end, lambda old: ";" if old.count("\n") == 0 and len(old) < 3 else ""
    for match in re.finditer(r"(?:\w|return |= |\(|, )\{(?=[^{}\n]*, )", code):  # an initialiser without its last field
        end = closing(code, match.end() - 1)
        inside = code[match.end():end] if end else ""
        if not inside or "\n" in inside or ";" in inside:
            continue
        depth, comma = 0, None
        for i, c in enumerate(inside):
            depth += (c in "([{") - (c in ")]}")
            if c == "," and depth == 0:
                comma = i
        if comma is not None:
            yield "omission", match.end() + comma, end, lambda old: ""
    for match in re.finditer(r" (&&|\|\|) (!?[\w.:>-]+(?:\([^()\n]*\))?)(?=[);\n ])", code):  # a condition without its last part
        yield "omission", match.start(), match.end(), lambda old: ""


def ordered(one, other):
    """Whether the order of two statements may matter: two assignments that do not read each other's target commute."""
    targets = [re.match(r"[*]?([\w.:>\[\]-]+?) [-+|&*]?= ", s) for s in (one, other)]
    if all(targets):
        names = [re.findall(r"\w+", t.group(1))[-1] for t in targets]
        return bool(re.search(rf"\b{names[0]}\b", other) or re.search(rf"\b{names[1]}\b", one))
    return bool(set(re.findall(r"\b\w+\b", one)) & set(re.findall(r"\b\w+\b", other)))


def swaps(code, found):
    for (start, end, indent), (next_start, next_end, next_indent) in zip(found, found[1:]):
        between = code[end:next_start]
        if indent == next_indent and between.strip() == "" and between.count("\n") == 1 and ordered(code[start:end], code[next_start:next_end]):
            yield "swap", start, next_end, lambda old, a=end - start, b=next_start - start: old[b:] + old[a:b] + old[:a]


def mutants_of(path, text, members):
    """Every mutant of a file, in the order of the text."""
    code = masked(text)
    found = statements(code)
    out, numbers, seen = [], {}, set()
    sources = (conditions(code), bounds(code), constants(code), twins(code, members), omissions(code, found), swaps(code, found))
    for source in sources:
        for kind, start, end, change in source:
            new = change(text[start:end])
            if new == text[start:end] or (start, end, new) in seen:
                continue
            seen.add((start, end, new))
            line = text.count("\n", 0, start) + 1
            out.append(Mutant(path, line, kind, start, end, new))
    out.sort(key=lambda m: (m.start, m.end, KINDS.index(m.kind), m.new))
    numbered = []
    for mutant in out:
        key = (mutant.line, mutant.kind)
        numbers[key] = numbers.get(key, 0) + 1
        numbered.append(dataclasses.replace(mutant, number=numbers[key]))
    return numbered
