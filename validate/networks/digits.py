"""Images of digits to train on: scikit-learn's own, and MNIST or Fashion-MNIST from files that the user has."""

import gzip
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from theory.errors import InputError

__all__ = ["DATASETS", "Images", "load"]

DATASETS = ("digits", "mnist", "fashion-mnist")
TEST_SHARE = 0.25
# IDX files name the type of their entries and the number of axes in their first four bytes.
UNSIGNED_BYTE = 8


@dataclass(frozen=True)
class Images:
    """Images with labels 0 to 9, split into a part to train on and a part to test on.

    Attributes
    ----------
    name : of the data set
    train, test : arrays (images, pixels), grey levels between 0 and 1
    train_labels, test_labels : arrays (images,) of integers
    side : pixels along one side
    """

    name: str
    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray
    side: int


def load(name="digits", folder=None):
    """The images of a data set.

    Parameters
    ----------
    name : "digits" (1797 images of 8 x 8 pixels, part of scikit-learn), "mnist" or "fashion-mnist"
    folder : where the IDX files of the last two lie, plain or gzipped (train-images-idx3-ubyte and its three companions)

    Returns
    -------
    Images; the split of "digits" is fixed, every fourth image is for testing

    Raises
    ------
    InputError
        Where scikit-learn is not installed, or files are not there or not what their name says.
    """
    if name not in DATASETS:
        raise InputError(f"no data set {name!r}: expected one of {', '.join(DATASETS)}")
    return _scikit_learn() if name == "digits" else _from_files(name, folder)


def _scikit_learn():
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise InputError("the digits come with scikit-learn: pip install 'meanfield[networks]'") from None
    found = load_digits()
    test = np.arange(len(found.target)) % round(1 / TEST_SHARE) == 0
    images = found.data / 16.0
    return Images("digits", images[~test], found.target[~test], images[test], found.target[test], 8)


def _from_files(name, folder):
    if folder is None:
        raise InputError(f"{name} does not ship with any package: give the folder of its four IDX files (--data FOLDER)")
    parts = [_read(Path(folder), f"{part}-{kind}") for part in ("train", "t10k") for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")]
    train, train_labels, test, test_labels = parts
    if len(train) != len(train_labels) or len(test) != len(test_labels):
        raise InputError(f"{folder}: the numbers of images and labels differ; are the four files of one data set?")
    flat = [images.reshape(len(images), -1) / 255.0 for images in (train, test)]
    return Images(name, flat[0], train_labels.astype(np.int64), flat[1], test_labels.astype(np.int64), train.shape[-1])


def _read(folder, stem):
    """The array of an IDX file, plain or gzipped."""
    paths = [path for path in (folder / stem, folder / f"{stem}.gz") if path.is_file()]
    if not paths:
        raise InputError(f"{folder}: no file {stem} or {stem}.gz; give the folder of the four IDX files of the data set")
    try:
        with (gzip.open if paths[0].suffix == ".gz" else open)(paths[0], "rb") as file:
            return _parse(file.read(), paths[0])
    except (OSError, EOFError) as error:
        raise InputError(f"cannot read {paths[0]}: {error}") from None


def _parse(content, path):
    axes = content[3] if len(content) > 3 else 0
    header = 4 + 4 * axes
    if len(content) < header or content[:3] != bytes((0, 0, UNSIGNED_BYTE)) or axes not in (1, 3):
        raise InputError(f"{path} is no IDX file of bytes; give the original files of the data set")
    shape = struct.unpack(f">{axes}I", content[4:header])
    if len(content) - header != np.prod(shape, dtype=np.int64):
        raise InputError(f"{path} is damaged: it holds {len(content) - header} bytes of data and its header says {shape}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
