// Classes of road users: their names, in the order of Vietnamese counting sheets, and the colours of their boxes.
import { Direction, RoadUser } from "./gen/ngatu/v1/event_pb";
import { t, type Key } from "./i18n";

export const ROAD_USERS = [
  RoadUser.MOTORCYCLE,
  RoadUser.CAR,
  RoadUser.BUS,
  RoadUser.TRUCK,
  RoadUser.BICYCLE,
  RoadUser.PERSON,
] as const;

const KEYS: Record<RoadUser, Key> = {
  [RoadUser.UNSPECIFIED]: "user.unknown",
  [RoadUser.PERSON]: "user.person",
  [RoadUser.BICYCLE]: "user.bicycle",
  [RoadUser.MOTORCYCLE]: "user.motorcycle",
  [RoadUser.CAR]: "user.car",
  [RoadUser.BUS]: "user.bus",
  [RoadUser.TRUCK]: "user.truck",
};

/** Told apart by people with red-green blindness too (after Okabe and Ito). */
export const USER_COLOURS: Record<RoadUser, string> = {
  [RoadUser.UNSPECIFIED]: "#d5dde4",
  [RoadUser.PERSON]: "#ff9ad5",
  [RoadUser.BICYCLE]: "#7ee0c0",
  [RoadUser.MOTORCYCLE]: "#ffd166",
  [RoadUser.CAR]: "#6cc4ff",
  [RoadUser.BUS]: "#ff9d5c",
  [RoadUser.TRUCK]: "#c9a7ff",
};

export const userName = (user: RoadUser): string => t(KEYS[user] ?? "user.unknown");

export function directionName(direction: Direction): string {
  switch (direction) {
    case Direction.TO_RIGHT:
      return t("direction.right");
    case Direction.TO_LEFT:
      return t("direction.left");
    case Direction.UNSPECIFIED:
      return t("direction.none");
  }
}
