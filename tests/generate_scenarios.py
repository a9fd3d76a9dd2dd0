#!/usr/bin/env python3
"""Writes in.jsonl of the scenarios that are made up: python3 tests/generate_scenarios.py [NAME ...]

A road user is a class, the size of its box and a way of (second, x, y) of its foot, between which it goes straight on.
The same at every run. What must come out is in want.txt, which nobody writes but a reader: NGATU_BLESS=1, then read it.
"""
import random
import sys

from scenario_writer import BUS, CAR, User, bike, car, man, write, write_looks


def turning_movement():
    # Arms: west x=100, east x=540, north y=100, south y=300 (lines); all ways lead through the middle (320, 200).
    users = [
        car((0, 20, 210), (8, 620, 210)),
        car((3, 20, 210), (7, 320, 210), (10, 320, 20)),
        bike((1, 20, 205), (5, 320, 190), (8, 310, 350)),
        bike((12, 20, 205), (16, 320, 190), (19, 310, 350)),
        # Turns back over the line it came by.
        car((14, 620, 190), (18, 400, 190), (22, 620, 180)),
        # Stops behind the first gate and never leaves: no movement.
        bike((16, 360, 20), (19, 360, 160), (40, 360, 160)),
        # Stands on the line, its box shaking.
        car((0, 102, 150), (40, 102, 150)),
    ]
    write("turning_movement", users, seconds=40)


def turning_hidden():
    # Lost in the middle of the junction for a second and a half, and found under a new id; another one that ends there.
    users = [
        car((0, 20, 210), (4, 260, 210), (9, 620, 210), gaps=[(4.2, 5.7)], ids=[(0, 1), (5, 11)]),
        bike((2, 20, 200), (7, 300, 200), ids=[(0, 2)]),
        car((9, 300, 240), (14, 310, 380), ids=[(0, 3)]),
        User("bus", BUS, [(3, 620, 250), (9, 20, 250)], ids=[(0, 4)]),
    ]
    write("turning_hidden", users, seconds=20, tracks=True)


def turning_carried():
    # A car turns south behind a bus. The tracker carries it on, straight ahead, while it is found as somebody new; the new
    # one has left before the old one is given up. And where one left by the south, another comes in a second later.
    users = [
        car((0, 20, 210), (4, 260, 210), (5, 300, 230), (8, 310, 350), gaps=[(4.2, 4.8)], ids=[(0, 1), (4.4, 11)],
            carried=[(4.2, 8.5, 1)]),
        car((9, 320, 350), (12, 330, 200), (16, 620, 200), ids=[(0, 2)]),
    ]
    write("turning_carried", users, fps=5, seconds=20, jitter=0, tracks=True)


def zone_occupancy():
    # A box junction that fills, one by one, and empties; a bus hides two of its cars meanwhile. Lasts 70 s.
    users = [car((4 + 2 * i, 20, 220 + 20 * i), (8 + 2 * i, 260 + 70 * i, 220 + 20 * i),
                 (34, 260 + 70 * i, 220 + 20 * i), (38 + i, 900, 220 + 20 * i),
                 gaps=[(18, 20)] if i < 2 else []) for i in range(4)]
    # On the kerb: its box leans in, its foot stays outside.
    users.append(car((0, 230, 360), (70, 230, 360)))
    users.append(bike((45, 20, 240), (60, 900, 240)))
    write("zone_occupancy", users, seconds=70)


def illegal_parking():
    users = [
        # Parks at 3 s, hidden from 12 to 15 s, found under another id, leaves at 30 s.
        car((0, 20, 250), (3, 200, 250), (30, 200, 250), (34, 600, 250), gaps=[(12, 15)], ids=[(0, 1), (13, 21)]),
        # A red light: 9 s.
        car((5, 20, 300), (8, 350, 300), (17, 350, 300), (20, 640, 300), ids=[(0, 2)]),
        # Creeps on: never long enough on one place.
        car((0, 100, 330), (40, 500, 330), ids=[(0, 3)]),
        # Parked where one may.
        car((0, 300, 120), (40, 300, 120), ids=[(0, 4)]),
    ]
    write("illegal_parking", users, fps=5, seconds=40, tracks=True)


def illegal_parking_unwatched():
    # Parks at 3 s. Nothing moves from 15 s to 200 s and again until 400 s, so no picture is looked at; the tracker has given
    # it up each time. Drives away at 410 s.
    users = [car((0, 20, 250), (3, 200, 250), (410, 200, 250), (414, 600, 250), ids=[(0, 1), (15, 11), (300, 21)])]
    write("illegal_parking_unwatched", users, fps=5, seconds=415, jitter=0, tracks=True, blind=[(15, 200), (205, 400)])


def illegal_parking_over_the_edge():
    # Parked just within the zone, leaves it sideways: over as soon as it is gone.
    write("illegal_parking_over_the_edge", [car((0, 300, 190), (10, 300, 190), (12, 300, 90))], fps=5, seconds=14, jitter=0, tracks=True)


def illegal_parking_at_night():
    # Half of the detections are missing and the camera sways: one stop, one event.
    users = [car((0, 20, 250), (3, 220, 250), (50, 220, 250), score=0.45)]
    write("illegal_parking_at_night", users, fps=6, seconds=50, missing=0.5, shake=1.5, jitter=0.05)


def loitering():
    about = [(0, 200, 200), (6, 300, 220), (12, 220, 260), (18, 330, 240), (24, 210, 210), (30, 300, 250), (40, 250, 230)]
    users = [
        # Walks about; its id changes twice, once behind a lorry for 3 s.
        man(*about, gaps=[(15, 18)], ids=[(0, 1), (10, 31), (17, 32)]),
        # Goes through.
        man((0, 20, 230), (14, 620, 230), ids=[(0, 2)]),
        # Leaves for 20 s: two short stays.
        man((0, 350, 300), (15, 350, 300), (16, 600, 300), (34, 600, 300), (36, 350, 300), (44, 350, 300), ids=[(0, 3)]),
        # Waits outside.
        man((0, 560, 300), (44, 560, 300), ids=[(0, 4)]),
    ]
    write("loitering", users, fps=5, seconds=44, tracks=True)


def loitering_two_people():
    # One leaves while another comes near by: neither was there for long.
    users = [
        man((0, 250, 230), (16, 250, 230), (18, 430, 230), (22, 640, 230), ids=[(0, 1)]),
        man((14, 20, 236), (18, 190, 236), (32, 190, 236), ids=[(0, 2)]),
    ]
    write("loitering_two_people", users, fps=5, seconds=32, tracks=True)


def pedestrian_on_carriageway():
    users = [
        # Crosses where one may not.
        man((2, 150, 140), (12, 160, 340)),
        # Crosses on the zebra.
        man((4, 460, 140), (14, 470, 340)),
        # Waits at the kerb; the box shakes.
        man((0, 300, 157), (30, 300, 157)),
        # A rider whose motorcycle is not seen.
        man((6, 20, 220), (11, 640, 230)),
        # A rider that is now a motorcycle, now a person, as slow as walking.
        bike((12, 20, 260), (30, 330, 270), seen_as=[(0, "motorcycle"), (16, "person"), (17, "motorcycle"), (22, "person"), (23, "motorcycle")]),
        # Pushes through beside a motorcycle that is seen.
        man((14, 391, 300), (26, 291, 310)),
        bike((14, 402, 302), (26, 302, 312)),
    ]
    write("pedestrian_on_carriageway", users)


def pedestrian_along_the_kerb():
    # Walks along the kerb, every second for one picture with a foot on the road; then steps on to it.
    kerb = [(n / 5, 100 + 4 * n, 162 if n % 5 == 0 else 157) for n in range(50)]
    write("pedestrian_along_the_kerb", [man(*kerb, (10, 300, 165), (13, 360, 165))], fps=5, seconds=13, jitter=0, tracks=True)


def motorcycles_parked_in_a_row():
    # The network sees now one, now the other of two that are parked. Then one rides by, under two ids.
    users = [
        bike((0, 200, 305), (5, 200, 305), ids=[(0, 1)]),
        bike((6, 255, 305), (12, 255, 305), ids=[(0, 2)]),
        bike((14, 20, 320), (20, 600, 325), ids=[(0, 3), (16, 33)]),
    ]
    write("motorcycles_parked_in_a_row", users, fps=5, seconds=20, jitter=0, tracks=True)


def wrong_way_broken():
    # Rides against the way, is hidden for a second and found as somebody new: told once. A track that jumps twice in a row
    # to who comes behind, as all go the right way, is nobody who goes against it.
    column = [(10, 100, 260), (12, 180, 260), (12.2, 148, 260), (12.4, 116, 260), (16, 260, 260)]
    users = [
        bike((0, 600, 200), (10, 20, 200), gaps=[(4, 5)], ids=[(0, 1), (4, 11)]),
        bike(*column, ids=[(0, 2)]),
    ]
    write("wrong_way_broken", users, fps=5, seconds=17, jitter=0, tracks=True)


def motorcycle_on_pavement():
    users = [
        # Rides along the pavement.
        bike((4, 20, 320), (10, 600, 325)),
        # Parked there, three of them.
        bike((0, 200, 305), (30, 200, 305)),
        bike((0, 226, 306), (30, 226, 306)),
        bike((0, 252, 307), (30, 252, 307)),
        # On the road beside it.
        bike((8, 640, 270), (14, 20, 270)),
        # Turns up to the pavement to park: the wheels come just on to it.
        bike((14, 640, 240), (19, 420, 262), (21, 410, 290), (30, 410, 290)),
        # Is pushed along, slowly.
        bike((0, 560, 330), (30, 500, 330)),
    ]
    write("motorcycle_on_pavement", users)


def motorcycle_on_pavement_at_night():
    # Two of five detections are missing.
    write("motorcycle_on_pavement_at_night", [bike((2, 20, 320), (9, 600, 325), score=0.5)], seconds=14, missing=0.4)


def column(n, x, y, step, arrive, leave, kind=CAR):
    """n cars that come one after the other, stop one behind the other to the left of x, and leave in the same order."""
    return [car((arrive + 1.5 * i, -80, y), (arrive + 1.5 * i + 4, x - step * i, y),
                (leave + 1.2 * i, x - step * i, y), (leave + 1.2 * i + 5, 760, y)) for i in range(n)]


def queue():
    # Five at the stop line from 2 s to 22 s; the third is hidden for 3 s; a car parked far behind is no part of it; then
    # two only; then flowing traffic.
    users = column(5, 560, 220, 75, 1, 24)
    users[2].gaps = [(15, 18)]
    users += column(2, 560, 220, 75, 36, 46)
    users.append(car((0, 30, 262), (70, 30, 262)))
    users += [car((54 + i, -60, 220), (60 + i, 700, 220)) for i in range(5)]
    write("queue", users, seconds=70)


def queue_in_metres():
    write("queue_in_metres", column(6, 560, 220, 75, 1, 26), fps=6, seconds=36)


def queue_beside_a_bus():
    # Six motorcycles queue; a bus that waits at its stop farther on is heavier than all of them, and no queue.
    users = [User("bus", BUS, [(0, 560, 240), (12, 560, 240)])]
    users += [bike((0, 30 + 30 * i, 240), (12, 30 + 30 * i, 240)) for i in range(6)]
    write("queue_beside_a_bus", users, fps=5, seconds=12, jitter=0, tracks=True)


def level_of_service_interrupted():
    # Full for a minute; nobody looks for four; full for another; then empty. Two minutes that are not in a row.
    users = [car((0, 40 + 50 * i, 200), (359.5, 40 + 50 * i, 200)) for i in range(12)]
    write("level_of_service_interrupted", users, fps=1, seconds=425, jitter=0, tracks=True, blind=[(61, 300)])


def level_of_service():
    # Two minutes free, then a zone that stands full, then free again: seven minutes, a picture a second.
    users = [car((0 + 10 * i, -60, 200), (8 + 10 * i, 700, 200)) for i in range(11)]
    users += [car((116 + i, -60, 160 + 45 * (i % 3)), (122 + i, 120 + 130 * (i // 3), 160 + 45 * (i % 3)),
                  (296, 124 + 130 * (i // 3), 160 + 45 * (i % 3)), (304, 760 + 130 * (i // 3), 160 + 45 * (i % 3)))
              for i in range(12)]
    users += [car((320 + 12 * i, -60, 200), (328 + 12 * i, 700, 200)) for i in range(8)]
    write("level_of_service", users, fps=1, seconds=425, tracks=True)


def crowd():
    chance = random.Random(5)
    def stroll(t0, t1, x, y):
        way, t = [], t0
        while t < t1:
            way.append((t, x + chance.uniform(-12, 12), y + chance.uniform(-8, 8)))
            t += 5
        return man(*way, (t1, x, y))
    # Ten by 20 s, down to seven (between the levels) from 32 s to 44 s, ten again, then five.
    users = [stroll(2 + i, 85, 120 + 90 * i, 220) for i in range(5)]
    users += [stroll(8 + i, 58, 120 + 90 * i, 290) for i in range(2)]
    users += [stroll(12 + i, 32, 300 + 90 * i, 290) for i in range(3)]
    users += [stroll(44 + i / 2, 58, 300 + 90 * i, 290) for i in range(3)]
    # Outside.
    users += [stroll(0, 70, 200 + 40 * i, 140) for i in range(4)]
    write("crowd", users, fps=3, seconds=85)


def speed():
    # The ground: 10 pixels are a metre everywhere. 60 km/h are 167 px/s, 50 are 139, 54 are 150.
    users = [
        car((1, -40, 200), (6, 795, 200)),        # 60 km/h
        car((8, -40, 230), (14.35, 795, 230)),    # 47 km/h
        car((16, -40, 200), (21.85, 795, 200)),   # 51.4 km/h: too fast, and not beyond doubt
        # A jump from one car to the next is no speed: the network loses one and finds the other.
        car((24, 300, 260), (27, 300, 260)),
        car((27.2, 420, 260), (30, 420, 260)),
    ]
    write("speed", users, fps=10, seconds=32)


def speed_in_two_places():
    # 61 km/h through both arms of a zone, too short a time in each.
    write("speed_in_two_places", [car((0, 100, 200), (4, 780, 200))], fps=10, seconds=4, jitter=0, tracks=True)


def speed_at_6_fps():
    # A shaking camera, a third of the detections missing: the fast one is told, the one at the limit is not.
    users = [bike((1, -20, 200), (4.7, 820, 200), score=0.6), bike((8, -20, 240), (14, 813, 240), score=0.6)]
    write("speed_at_6_fps", users, fps=6, seconds=16, missing=0.3, shake=1.0)


def stopped_vehicle_now_and_then():
    # A parked car that the network sees for a while every few minutes; then it drives away, and another one drives up and
    # stops on the same place.
    seen = [(25, 160), (190, 330), (350, 500)]
    users = [car((0, 300, 220), (530, 300, 220), (536, 700, 220), gaps=seen),
             car((560, -40, 220), (566, 300, 220), (600, 300, 220))]
    write("stopped_vehicle_now_and_then", users, fps=3, seconds=600)


def intrusion_new_identities():
    # One man walks about in the zone and is lost and found again as somebody new, again and again; a second one comes in
    # while he is lost, from the other side.
    about = [(0, 150, 200), (4, 240, 200), (10, 340, 210), (16, 240, 215), (22, 330, 190), (30, 230, 200)]
    users = [
        man(*about, gaps=[(9, 10), (14.5, 16)], ids=[(0, 1), (6, 11), (7, 12), (9, 13), (12, 14), (15, 15), (20, 16)]),
        man((10, 470, 200), (16, 380, 200), (30, 370, 200), ids=[(0, 2)]),
    ]
    write("intrusion_new_identities", users, fps=5, seconds=30, tracks=True)


def camera_covered():
    # A lorry hides half of the picture for a minute: nothing. A bag over the lens, taken off again.
    write_looks("camera_covered", [
        (60, {}, []), (60, {"covered": 0.45}, []), (30, {}, []), (60, {"covered": 0.85}, []), (60, {}, [])])


def camera_turned():
    # A mast in the wind: nothing. Then somebody turns the camera, and back.
    wind = [(1, {"shift": [i % 3 - 1, i % 2]}, []) for i in range(60)]
    write_looks("camera_turned", [(60, {}, []), *wind, (30, {}, []), (60, {"shift": [12, 4]}, []), (60, {}, [])])


def camera_blurred():
    # A little soft is a rainy day; then the lens loses its focus, and somebody sets it.
    write_looks("camera_blurred", [
        (60, {}, []), (60, {"sharp": 0.8}, []), (30, {}, []), (60, {"sharp": 0.45}, []), (60, {}, [])])


def camera_frozen():
    # A minute in which nothing but the clock in the corner goes on, and longer; then it moves again.
    write_looks("camera_frozen", [(100, {}, []), (120, {"frozen": True}, []), (60, {}, [])])


def camera_dark():
    # Dusk and a night with its lamp: nothing. Then the lamp is out as well.
    dusk = [(6, {"light": round(1 - 0.023 * i, 3), "noise": 3}, []) for i in range(40)]
    write_looks("camera_dark", [*dusk, (120, {"light": 0.08, "noise": 3}, []), (100, {"light": 0.02, "lamp": False}, [])])


def abandoned_object():
    # Somebody brings a bag, leaves, comes back after a minute and takes it. Somebody who waits for a minute leaves nothing.
    def one(x):
        return [{"class": "person", "bbox": [x, 184, 16, 72], "score": 0.9}]

    def shows(x=None, bag=False):
        things = [[80, 60, 5, 4, 35]] if bag else []
        return {"square": True, "things": things + ([[x // 4, 46, 4, 18, 40]] if x is not None else [])}

    def comes(fro, to, bag):
        way = range(fro, to, 20 if to > fro else -20)
        return [(1, shows(x, bag), one(x)) for x in way]

    write_looks("abandoned_object", [
        (30, shows(), []), *comes(200, 320, False), (4, shows(320, True), one(320)), *comes(320, 200, True),
        (60, shows(bag=True), []), *comes(200, 320, True), (3, shows(320), one(320)), *comes(320, 200, False),
        (30, shows(), []), *comes(320, 440, False), (60, shows(440), one(440)), *comes(440, 320, False), (40, shows(), [])])


def where_nothing_has_come():
    # After a minute the network takes a house's corner for a car and a lamp for a person, for half a minute: nobody came. Then a car
    # drives up and stops, and drives off.
    def seen(kind, x, y, w, h):
        return {"class": kind, "bbox": [x, y, w, h], "score": 0.6}

    corner, lamp = seen("car", 140, 150, 64, 40), seen("person", 392, 28, 28, 60)

    def drives(x):
        return 1, {"things": [[x // 4, 38, 16, 10, 40]]}, [corner, seen("car", x, 152, 64, 40)]

    write_looks("where_nothing_has_come", [
        (60, {}, []), (30, {}, [corner, lamp]), *map(drives, range(560, 400, -24)), *map(drives, [400] * 15),
        *map(drives, range(400, 600, 24)), (20, {}, [corner, lamp])])


MADE = [where_nothing_has_come, speed_in_two_places, illegal_parking_over_the_edge, turning_carried, illegal_parking_unwatched, pedestrian_along_the_kerb, motorcycles_parked_in_a_row,
        wrong_way_broken, queue_beside_a_bus, level_of_service_interrupted, stopped_vehicle_now_and_then, intrusion_new_identities, turning_movement, turning_hidden,
        zone_occupancy, illegal_parking, illegal_parking_at_night, loitering, loitering_two_people,
        pedestrian_on_carriageway, motorcycle_on_pavement, motorcycle_on_pavement_at_night, queue,
        queue_in_metres, level_of_service, crowd, speed, speed_at_6_fps, abandoned_object,
        camera_covered, camera_turned, camera_blurred, camera_frozen, camera_dark]

if __name__ == "__main__":
    for make in MADE:
        if not sys.argv[1:] or make.__name__ in sys.argv[1:]:
            make()
