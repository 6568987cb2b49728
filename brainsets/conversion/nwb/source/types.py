"""Neurodata types: which is a kind of which, also those that only the file knows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import h5py

from brainsets.conversion.text import plain

__all__ = ["Types"]

# From each type of NWB 2.0 to 2.10 to what it is a kind of; series and tables first.
_TREE = """
TimeSeries: AbstractFeatureSeries AnnotationSeries DecompositionSeries ElectricalSeries
    ImageSeries IndexSeries IntervalSeries OptogeneticSeries PatchClampSeries
    RoiResponseSeries SpatialSeries
ElectricalSeries: SpikeEventSeries
ImageSeries: ImageMaskSeries OnePhotonSeries OpticalSeries TwoPhotonSeries
PatchClampSeries: CurrentClampSeries CurrentClampStimulusSeries VoltageClampSeries
    VoltageClampStimulusSeries
CurrentClampSeries: IZeroClampSeries
DynamicTable: AlignedDynamicTable ElectrodesTable EventsTable
    ExperimentalConditionsTable FrequencyBandsTable IntracellularElectrodesTable
    IntracellularResponsesTable IntracellularStimuliTable MeaningsTable
    PlaneSegmentation RepetitionsTable SequentialRecordingsTable
    SimultaneousRecordingsTable SweepTable TimeIntervals Units
AlignedDynamicTable: IntracellularRecordingsTable
VectorData: DurationVectorData DynamicTableRegion EnumData
    TimeSeriesReferenceVectorData TimestampVectorData VectorIndex
Data: ElementIdentifiers NWBData VectorData
NWBData: BaseImage ImageReferences ScratchData
BaseImage: ExternalImage Image
Image: GrayscaleImage RGBAImage RGBImage
NWBDataInterface: BehavioralEpochs BehavioralEvents BehavioralTimeSeries
    ClusterWaveforms Clustering CompassDirection CorrectedImageStack DfOverF
    EventDetection EventWaveform EyeTracking FeatureExtraction FilteredEphys
    Fluorescence ImageSegmentation ImagingRetinotopy Images LFP MotionCorrection
    Position PupilTracking TimeSeries
NWBContainer: Device DeviceModel ElectrodeGroup ImagingPlane IntracellularElectrode
    LabMetaData NWBDataInterface NWBFile OpticalChannel OptogeneticStimulusSite
    ProcessingModule Subject
"""


def _core() -> dict[str, str]:
    found: dict[str, str] = {}
    parent = ""
    for word in _TREE.split():
        if word.endswith(":"):
            parent = word[:-1]
        else:
            found[word] = parent
    return found


class Types:
    """The hierarchy of types in a file: that of NWB, and what its extensions add.

    Parameters
    ----------
    file : h5py.File
        An NWB file, which holds the specifications of its types, if it is not old.
    """

    def __init__(self, file: h5py.File) -> None:
        self._parents = _core()
        specifications = file.get("specifications")
        if isinstance(specifications, h5py.Group):
            for text in _texts(specifications):
                for name, parent in _definitions(text):
                    self._parents.setdefault(name, parent)

    def is_a(self, name: str, ancestor: str) -> bool:
        """Return whether a type is another, or is derived from it."""
        return ancestor in self.line(name)

    def line(self, name: str) -> list[str]:
        """Return a type and all that it is derived from, nearest first."""
        found: list[str] = []
        while name and name not in found:
            found.append(name)
            name = self._parents.get(name, "")
        return found

    def knows(self, name: str) -> bool:
        """Return whether anything says what a type is derived from."""
        return name in self._parents


def _texts(group: h5py.Group) -> Iterator[str]:
    """Yield each specification, of all namespaces and versions in the file."""
    for key in group:
        item = group.get(key)
        if isinstance(item, h5py.Group):
            yield from _texts(item)
        elif isinstance(item, h5py.Dataset) and item.shape == ():
            yield plain(item[()])


def _definitions(text: str) -> Iterator[tuple[str, str]]:
    try:
        stack: list[Any] = [json.loads(text)]
    except ValueError:
        return
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, dict):
            stack.extend(node.values())
            for kind in ("neurodata_type", "data_type"):
                name, parent = node.get(f"{kind}_def"), node.get(f"{kind}_inc")
                if isinstance(name, str) and isinstance(parent, str):
                    yield name, parent
