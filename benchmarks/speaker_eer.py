"""Equal error rate of a speaker encoder on clips of a folder of speakers.

Every recording is cut into clips that do not overlap; all pairs of clips are compared by the cosine of the encoder's
vectors, those of one voice being of one recording (within) or of two (across). Chance is 50 %. With its pretrained
weights the d-vector comes out near 3 % across recordings over 3 s clips of LibriSpeech test-other; much more means that
the audio does not reach it as its weights expect.

    python benchmarks/speaker_eer.py --data_folder LibriSpeech/test-other --encoder d-vector --seconds 3
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import pse_plugins
from pse_plugins.data import SpeechPool
from pse_plugins.data.corpora import prepare_speaker_folders
from pse_plugins.training.verification.scoring import cut_clips, equal_error_rates


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
    with tempfile.TemporaryDirectory() as folder:
        utterances = prepare_speaker_folders(given.data_folder, Path(folder) / "speech.json")
    speech = SpeechPool(utterances, encoder.sample_rate)
    clips = cut_clips(speech, speech.speakers, given.seconds)
    rates = equal_error_rates(encoder, clips)
    print(
        f"{given.encoder}: EER {', '.join(f'{100 * rate:.2f} % {mode}' for mode, rate in rates.items())} recordings; "
        f"{len(clips.signals)} clips of {given.seconds:g} s of {len(set(clips.voices))} speakers"
    )


if __name__ == "__main__":
    main()
