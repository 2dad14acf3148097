"""Equal error rate of a speaker encoder on clips of a folder of speakers.

Every recording is cut into clips that do not overlap; all pairs of clips from two recordings are compared by the
cosine of the encoder's vectors. Chance is 50 %. With its pretrained weights the d-vector comes out near 3 % over
3 s clips of LibriSpeech test-other; much more means that the audio does not reach it as its weights expect.

    python benchmarks/speaker_eer.py --data_folder LibriSpeech/test-other --encoder d-vector --seconds 3
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_curve

import pse_plugins
from pse_plugins import audio
from pse_plugins.contracts import SpeakerEncoder
from pse_plugins.errors import DataError


def cut(folder: Path, seconds: float, rate: int) -> tuple[list[np.ndarray], list[str], list[str]]:
    """Cut the recordings of a ``speaker/**/*.flac`` or ``.wav`` folder into clips.

    Returns
    -------
    tuple
        Clips ``[S]`` at ``rate`` Hz, their speakers and their recordings.
    """
    clips, speakers, recordings = [], [], []
    for path in sorted(p for p in folder.rglob("*") if p.suffix in (".flac", ".wav")):
        samples, _ = audio.read(path, rate)
        size = round(seconds * rate)
        for start in range(0, len(samples) - size + 1, size):
            clips.append(samples[start : start + size])
            speakers.append(path.relative_to(folder).parts[0])
            recordings.append(path.stem)
    if len(set(speakers)) < 2:
        raise DataError(f"{folder}: clips of {len(set(speakers))} speaker(s); give a folder with two or more")
    return clips, speakers, recordings


def embed(encoder: SpeakerEncoder, clips: list[np.ndarray], batch: int = 16) -> np.ndarray:
    """Give each clip's vector, ``[clips, E']``."""
    rows = []
    with torch.inference_mode():
        for start in range(0, len(clips), batch):
            waveforms = torch.from_numpy(np.stack(clips[start : start + batch])).unsqueeze(1)  # [B, 1, S]
            lengths = torch.full(waveforms.shape[:2], waveforms.shape[2])
            rows.append(encoder(waveforms, lengths).vectors[:, 0])
    return torch.cat(rows).numpy()


def equal_error_rate(vectors: np.ndarray, speakers: list[str], recordings: list[str]) -> tuple[float, int]:
    """Compare all pairs of clips from two recordings; give the rate in [0, 1] and the number of pairs."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    i, j = np.triu_indices(len(unit), 1)
    apart = np.array(recordings)[i] != np.array(recordings)[j]
    i, j = i[apart], j[apart]
    names = np.array(speakers)
    false_alarm, hit, _ = roc_curve(names[i] == names[j], (unit[i] * unit[j]).sum(1))
    crossing = np.argmin(np.abs(false_alarm - (1 - hit)))
    return float((false_alarm[crossing] + 1 - hit[crossing]) / 2), len(i)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data_folder", type=Path, required=True, help="speaker/**/*.flac or .wav")
    parser.add_argument("--encoder", default="d-vector")
    parser.add_argument("--options", type=json.loads, default={}, help="the encoder's, as JSON")
    parser.add_argument("--seconds", type=float, default=3.0)
    given = parser.parse_args()
    encoder = pse_plugins.build("speaker_encoder", given.encoder, **given.options).eval()
    clips, speakers, recordings = cut(given.data_folder, given.seconds, encoder.sample_rate)
    rate, pairs = equal_error_rate(embed(encoder, clips), speakers, recordings)
    print(
        f"{given.encoder}: EER {100 * rate:.2f} % over {pairs} pairs of {len(clips)} clips of {given.seconds:g} s "
        f"of {len(set(speakers))} speakers"
    )


if __name__ == "__main__":
    main()
