import { EventManagementController } from '../controllers/event-management-controller';
import { EventTrackingController } from '../controllers/event-tracking-controller';
import type { Runtime } from '../interfaces/runtime';
import type { FamilyControllers } from '../routes-families';
import type { Catalogue } from '../services/events/catalogue';
import type { EventService } from '../services/events/event-service';
import { EventManagementService } from '../services/families/event-management-service';
import { EventTrackingService } from '../services/families/event-tracking-service';
import type { PointsService } from '../services/points/points-service';
import type { DirectoryService } from '../services/users/directory-service';
import { readAddEvent, readTracking, readTrackingQuery } from '../validation-schemas/families';
import { readUserId } from '../validation-schemas/user';

export interface FamilyParts {
  readonly events: EventService;
  readonly points: PointsService;
  readonly catalogue: Catalogue;
  readonly runtime: Runtime;
  readonly directory: DirectoryService | null;
}

/** What serves the older clients. */
export function createFamilies({ events, points, catalogue, runtime, directory }: FamilyParts): FamilyControllers {
  const tracking = new EventTrackingService(events, points, catalogue, runtime);
  const management = new EventManagementService(events, runtime);
  return {
    tracking: new EventTrackingController({ tracking, readTracking, readTrackingQuery }),
    management: new EventManagementController({ management, directory, readUserId, readAddEvent }),
  };
}
