"""Run by an interpreter that has llmlingua 0.2.2: what the package keeps of texts, and how long it takes.

Reads JSON from standard input: {"model": folder, "cases": [{"text", "rate", ...settings}]}; prints {"words": [[word,
0 or 1], ...] per case, "seconds": of all cases}. The folder's name must contain `bert-base-multilingual-cased` or
`xlm-roberta-large`. The vocabulary that the package counts tokens by is fetched from the network: here words and
punctuation marks are counted in its place, as the tokenizer `words` counts them.
"""

import json
import re
import sys
import time

import tiktoken


class WordCounter:
    """Counts what `tiktoken`'s encoding would be asked for."""

    def encode(self, text: str) -> list[str]:
        """Words and marks; the mark that a SentencePiece token begins with is none."""
        return re.findall(r"\w+|[^\w\s]", text.replace("▁", " "))


def main() -> None:
    """Compress all cases."""
    tiktoken.encoding_for_model = lambda name: WordCounter()
    import torch
    from llmlingua import PromptCompressor

    given = json.load(sys.stdin)
    if given.get("threads"):
        torch.set_num_threads(given["threads"])
    compressor = PromptCompressor(model_name=given["model"], device_map="cpu", use_llmlingua2=True)
    compressor.compress_prompt_llmlingua2(["Once, so that nothing is loaded later."], rate=0.5)
    words, begun = [], time.perf_counter()
    for case in given["cases"]:
        settings = {name: value for name, value in case.items() if name != "text"}
        found = compressor.compress_prompt_llmlingua2(
            [case["text"]], return_word_label=True, word_sep="\x00", label_sep="\x01", **settings
        )
        pairs = [pair.split("\x01") for pair in found["fn_labeled_original_prompt"].split("\x00")]
        words.append([[word, int(label)] for word, label in pairs])
    print(json.dumps({"words": words, "seconds": time.perf_counter() - begun}))


if __name__ == "__main__":
    main()
