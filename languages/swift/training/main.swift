import Foundation
import Observation
import RegexBuilder
import Synchronization

print(Date(timeIntervalSince1970: 0), sin(1.0))
