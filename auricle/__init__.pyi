from auricle.core.errors import AuricleError as AuricleError
from auricle.core.errors import InputError as InputError
from auricle.core.errors import MissingPackage as MissingPackage
from auricle.core.errors import ModelError as ModelError
from auricle.core.errors import SoundError as SoundError
from auricle.core.errors import WriteError as WriteError
from auricle.core.records import Analysis as Analysis
from auricle.core.records import Classification as Classification
from auricle.core.records import Clip as Clip
from auricle.core.records import Event as Event
from auricle.core.records import Label as Label
from auricle.listen.listener import Listener as Listener
from auricle.listen.listener import load as load
from auricle.listen.zeroshot import ZeroShot as ZeroShot

__version__: str
