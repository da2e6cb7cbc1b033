"""Writes calibration.jsonl.gz and validation.jsonl.gz: fresh text from tasks.py, of other seeds than training's and evaluation's.

    python3 models/demo/calibration.py                     # needs nothing but Python

calibration.jsonl.gz: lines of `text`, whole documents of every kind; the last ones fill the model's whole context, so that keys after RoPE
are seen at all positions. validation.jsonl.gz: lines like eval.jsonl.gz's, `reference` being the true answer; for searches under an accuracy bound.
"""
import gzip, json, pathlib, random
import tasks

CALIBRATION_SEED, VALIDATION_SEED = 5077, 6151
TASKS = [("line_retrieval_20", 20), ("line_retrieval_80", 80), ("line_retrieval_240", 240), ("math_0shot", 0), ("math_4shot", 4), ("lookup_60", 60)]


def calibration():
    rng = random.Random(CALIBRATION_SEED)
    for budget in [rng.randint(300, 4000) for _ in range(150)]:
        yield tasks.document(rng, budget)
    for lines in (330, 340, 350, 360):
        yield tasks.line_retrieval(rng, lines, questions=3)
    for shots in (45, 50):
        yield tasks.math_session(rng, shots)


def answered(pieces):
    """The pieces up to the last answer, and that answer."""
    last = max(i for i, (text, weight) in enumerate(pieces) if weight == 1.0)
    prompt = "".join(text for text, _ in pieces[:last])
    answer = pieces[last][0]
    if answer.startswith(tasks.ASSISTANT):
        prompt, answer = prompt + tasks.ASSISTANT, answer[len(tasks.ASSISTANT):]
    return prompt, answer[:-len(tasks.END)]


def validation(rows_each):
    rng = random.Random(VALIDATION_SEED)
    for _ in range(rows_each):
        for task, size in TASKS:
            if task.startswith("line"):
                prompt, reference = answered(tasks.line_retrieval(rng, size, questions=1))
                answer = reference[reference.index(" is <") + 4:reference.index(">.") + 1]
            elif task.startswith("math"):
                prompt, reference = answered(tasks.math_session(rng, size + 1))
                answer = reference[reference.index("#### "):]
            else:
                prompt, reference = answered(tasks.lookup(rng, size))
                answer = reference[reference.index(' is "') + 1:-1]
            yield dict(task=task, prompt=prompt, answer=answer, reference=reference)


if __name__ == "__main__":
    for name, rows in (("calibration", ({"text": "".join(text for text, _ in pieces)} for pieces in calibration())), ("validation", validation(16))):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (pathlib.Path(__file__).parent / (name + ".jsonl.gz")).write_bytes(gzip.compress(lines.encode(), mtime=0))
